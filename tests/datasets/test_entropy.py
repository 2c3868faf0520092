"""The entropy of codes whose entropy is known, and sampling within bounds."""

from math import log2
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sample_stores import build, make_identity, make_videos, plan_for
from vimpac.datasets import (
    ShardWriter,
    SourceInfo,
    TokenStore,
    commit_shard,
    create_store,
    measure_entropy,
)
from vimpac.datasets.entropy import PairCounts, entropy


def drawn(vocabulary: int, frames: int, places: int, repeating: float) -> NDArray[np.uint16]:
    """Codes that repeat the frame before with some probability and are uniform elsewhere."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, vocabulary, (frames, 1, places), dtype=np.uint16)
    kept = rng.random(codes.shape) < repeating
    for frame in range(1, frames):
        codes[frame] = np.where(kept[frame], codes[frame - 1], codes[frame])
    return codes


def uncertainty(vocabulary: int, repeating: float) -> float:
    """Bits of a code of `drawn` when the one before is known."""
    same = repeating + (1 - repeating) / vocabulary
    choosing = (1 - same) * log2(vocabulary - 1)
    return -same * log2(same) - (1 - same) * log2(1 - same) + choosing


@pytest.mark.parametrize(("vocabulary", "places"), [(50, 2000), (1024, 5000), (8192, 2000)])
def test_known_entropies_are_found(vocabulary: int, places: int) -> None:
    counts = PairCounts(vocabulary)
    counts.add(drawn(vocabulary, 42, places, 0.6))
    found = counts.previous_frame()
    assert found == pytest.approx(uncertainty(vocabulary, 0.6), rel=0.02)
    assert entropy(counts.codes) == pytest.approx(log2(vocabulary), rel=0.03)


def test_what_follows_by_rule_has_no_entropy() -> None:
    counts = PairCounts(256)
    frames = np.arange(64)[:, None, None] + np.arange(256).reshape(1, 16, 16)
    counts.add((frames % 256).astype(np.uint16))
    assert counts.previous_frame() == pytest.approx(0, abs=1e-9)
    assert entropy(counts.codes) == pytest.approx(8)


def test_still_videos_and_single_frames() -> None:
    counts = PairCounts(10)
    counts.add(np.full((1, 4, 4), 3, np.uint16))
    assert counts.previous_frame() is None
    counts.add(np.full((5, 4, 4), 3, np.uint16))
    assert counts.previous_frame() == 0
    assert entropy(counts.codes) == 0


@pytest.mark.parametrize("form", ["zarr", "webdataset"])
def test_a_store_is_measured_whole_or_by_a_sample(tmp_path: Path, form: str) -> None:
    store = TokenStore.open(build(tmp_path / "tokens", make_videos(40), form=form))
    whole = measure_entropy(store)
    assert (whole.tokens, whole.sampled) == (store.summary()["tokens"], False)
    assert whole.order_0 == pytest.approx(log2(50), rel=0.01)
    sample = measure_entropy(store, limit=whole.tokens // 2)
    assert sample.sampled
    assert 0.3 * whole.tokens < sample.tokens < 0.8 * whole.tokens
    assert sample.order_0 == pytest.approx(whole.order_0, rel=0.02)
    assert sample.to_dict()["order_0_bytes_per_token"] == sample.order_0 / 8


def test_views_are_measured_together(tmp_path: Path) -> None:
    videos = make_videos(3)
    create_store(tmp_path / "s", make_identity(views=("center", "top_left")), plan_for(videos))
    with ShardWriter(tmp_path / "s", 0) as writer:
        for key, codes in videos.items():
            writer.add(key, {"center": codes, "top_left": codes}, SourceInfo())
        commit_shard(tmp_path / "s", 0, writer.finish())
    store = TokenStore.open(tmp_path / "s")
    assert measure_entropy(store).tokens == 2 * sum(codes.size for codes in videos.values())
