"""Synthetic tokens that the store's benchmarks share: drawn, not encoded, so that they are cheap.

Videos have 22 to 66 frames (44 on average) of 16 x 16 codes of a vocabulary of 8192; 60 % of the
tokens equal that of the frame before, the others are uniform.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from vimpac.datasets import (
    PlanItem,
    ShardWriter,
    SourceInfo,
    StoreIdentity,
    TokenizerIdentity,
    commit_shard,
    committed,
    create_store,
    make_plan,
)

VOCABULARY = 8192
SIDE = 16
SHORTEST, LONGEST = 22, 66
KEPT = 0.6
VIDEOS_A_SHARD = 2048

IDENTITY = StoreIdentity(
    tokenizer=TokenizerIdentity(
        name="synthetic", fingerprint="0" * 64, vocabulary=VOCABULARY, compression=8
    ),
    fps=2.0,
    size=8 * SIDE,
)


def keys_of(count: int) -> list[str]:
    """Keys of so many videos."""
    return [f"{number:08d}" for number in range(count)]


def shard_videos(shard: int, count: int) -> Iterator[NDArray[np.uint16]]:
    """The codes of one shard's videos, `(T, 16, 16)`, a function of the shard's number alone."""
    rng = np.random.default_rng([7, shard])
    lengths = rng.integers(SHORTEST, LONGEST + 1, count)
    codes = rng.integers(0, VOCABULARY, (LONGEST, count, SIDE, SIDE), dtype=np.uint16)
    for frame in range(1, LONGEST):
        kept = rng.random((count, SIDE, SIDE), dtype=np.float32) < KEPT
        np.copyto(codes[frame], codes[frame - 1], where=kept)
    for video, length in enumerate(lengths):
        yield codes[:length, video]


def build_store(path: Path, videos: int, form: str = "zarr") -> None:
    """Make a store of so many videos, or go on with it."""
    items = [PlanItem(key=key, source=f"{key}.mp4") for key in keys_of(videos)]
    plan = make_plan(items, VIDEOS_A_SHARD)
    create_store(path, IDENTITY, plan, form=form)
    for shard, part in enumerate(plan.shards):
        if committed(path, shard):
            continue
        with ShardWriter(path, shard) as writer:
            for item, codes in zip(part, shard_videos(shard, len(part)), strict=True):
                source = SourceInfo(fps=25.0, frames=len(codes), width=340, height=256)
                writer.add(item.key, codes, source)
            commit_shard(path, shard, writer.finish())
