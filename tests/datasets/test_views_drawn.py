"""Training draws a view for each clip; whole frames are cropped, at random or where asked."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sample_stores import Videos, build, make_full_videos, make_identity, plan_for
from vimpac.datasets import (
    ClipLoader,
    EvaluationClips,
    RandomClips,
    ShardWriter,
    SourceInfo,
    StoreError,
    TokenStore,
    commit_shard,
    create_store,
)

VIEWS = ("center", "top_left", "top_left_flip")


@pytest.fixture
def three_views(tmp_path: Path) -> TokenStore:
    """Twelve videos whose codes tell their view."""
    videos = {f"v{i:02d}": np.full((9, 4, 4), i) for i in range(12)}
    create_store(tmp_path / "tokens", make_identity(views=VIEWS), plan_for(videos))
    for shard in range(3):
        with ShardWriter(tmp_path / "tokens", shard) as writer:
            for key in list(videos)[4 * shard : 4 * shard + 4]:
                codes = {view: videos[key] + 12 * v for v, view in enumerate(VIEWS)}
                writer.add(key, codes, SourceInfo())
            commit_shard(tmp_path / "tokens", shard, writer.finish())
    return TokenStore.open(tmp_path / "tokens")


@pytest.fixture
def whole_frames(tmp_path: Path) -> tuple[TokenStore, Videos]:
    videos = make_full_videos(7)
    return TokenStore.open(build(tmp_path / "whole", videos, 7, views=("full",))), videos


def test_each_clip_shows_the_view_it_names(three_views: TokenStore) -> None:
    clips = RandomClips(three_views, frames=3, stride=1, seed=0, views=VIEWS)
    (batch,) = ClipLoader(clips, batch_size=240, steps=1)
    expected = batch["index"][:, None] + 12 * batch["view"]
    assert torch.equal(batch["clips"], expected[..., None, None, None].expand(-1, -1, 3, 4, 4))
    counts = torch.bincount(batch["view"].flatten(), minlength=3)
    assert counts.min() > 120  # of 480 clips, 160 of each view expected
    assert (batch["view"][:, 0] != batch["view"][:, 1]).any()


def test_the_centre_is_drawn_unless_asked(three_views: TokenStore) -> None:
    clips = RandomClips(three_views, frames=3, stride=1, seed=0)
    (batch,) = ClipLoader(clips, batch_size=24, steps=1)
    assert not batch["view"].any()
    (other,) = ClipLoader(
        RandomClips(three_views, frames=3, stride=1, seed=0, views=["top_left_flip"]),
        batch_size=24,
        steps=1,
    )
    assert (other["view"] == 2).all()
    assert torch.equal(other["starts"], batch["starts"])


def test_random_squares_are_cropped_from_whole_frames(
    whole_frames: tuple[TokenStore, Videos],
) -> None:
    store, videos = whole_frames
    clips = RandomClips(store, frames=2, stride=1, seed=0)
    drawn = clips.draw(range(280))
    (batch,) = ClipLoader(clips, batch_size=280, steps=1)
    assert batch["clips"].shape == (280, 2, 2, 4, 4)
    assert {tuple(c) for c in drawn.corners.reshape(-1, 2).tolist()} == {
        *((row, 0) for row in range(4)),
        *((0, column) for column in range(3)),
    }
    rows = zip(batch["clips"], drawn.index, drawn.starts, drawn.corners, strict=True)
    for two, index, starts, corners in rows:
        for clip, start, (top, left) in zip(two, starts, corners, strict=True):
            codes = videos[store.keys[index]][start : start + 2, top : top + 4, left : left + 4]
            assert np.array_equal(clip[: len(codes)], codes)


def test_evaluation_crops_whole_frames_where_asked(
    whole_frames: tuple[TokenStore, Videos],
) -> None:
    store, videos = whole_frames
    views = ("center", "top_left", "bottom_right")
    clips = EvaluationClips(store, frames=2, stride=1, clips=2, views=views)
    for place, key in enumerate(store.keys):
        codes = videos[key]
        rows, columns = codes.shape[1] - 4, codes.shape[2] - 4
        corners = ((rows // 2, columns // 2), (0, 0), (rows, columns))
        found = clips[place]["clips"]
        assert found.shape == (6, 2, 4, 4)
        for clip, (top, left) in zip(found[::2], corners, strict=True):
            first = codes[:2, top : top + 4, left : left + 4]
            assert np.array_equal(clip[: len(first)], first)
    alone = EvaluationClips(store, frames=2, stride=1, clips=2)
    assert torch.equal(alone[3]["clips"], clips[3]["clips"][:2])


def test_views_that_cannot_be_shown_are_refused(
    three_views: TokenStore, whole_frames: tuple[TokenStore, Videos]
) -> None:
    with pytest.raises(StoreError, match="no view 'bottom_right'"):
        EvaluationClips(three_views, frames=2, stride=1, views=["bottom_right"])
    with pytest.raises(StoreError, match="no view 'large_center'"):
        EvaluationClips(whole_frames[0], frames=2, stride=1, views=["large_center"])
    with pytest.raises(StoreError, match="no view 'large_center'"):
        RandomClips(whole_frames[0], frames=2, stride=1, seed=0, views=["large_center"])
