"""Batches are a pure function of seed and step: no worker, rank or restart changes them."""

import gc
import multiprocessing
import os
import signal
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_stores import Videos, build, make_full_videos
from vimpac.datasets import (
    ClipBatch,
    ClipLoader,
    EvaluationClips,
    RandomClips,
    StoreError,
    TokenStore,
    evaluation_loader,
    evenly_spaced_starts,
    pad_token,
)
from vimpac.datasets.loading.decoded_shards import DecodedShards
from vimpac.datasets.loading.loader import clip_source

Batches = list[ClipBatch]


@pytest.fixture
def clips(store_path: Path) -> RandomClips:
    return RandomClips(TokenStore.open(store_path), frames=5, stride=2, seed=11)


def assert_equal(one: Batches, other: Batches) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert a.keys() == b.keys()
        assert all(torch.equal(a[name], b[name]) for name in a)  # type: ignore[literal-required]


def merge(ranks: list[Batches]) -> Batches:
    """Batches of all ranks joined in the order of ranks."""
    return [
        {name: torch.cat([part[name] for part in parts]) for name in parts[0]}  # type: ignore
        for parts in zip(*ranks, strict=True)
    ]


def test_batches_hold_clips_of_the_stored_codes(clips: RandomClips, videos: Videos) -> None:
    batches = list(ClipLoader(clips, batch_size=4, steps=5))
    assert len(batches) == 5
    for batch in batches:
        assert batch["clips"].shape == (4, 2, 5, 4, 4)
        assert batch["clips"].dtype == batch["mask_seeds"].dtype == torch.int64
        assert (batch["mask_seeds"] >= 0).all()
        for row, index in enumerate(batch["index"].tolist()):
            codes = videos[clips.store.keys[index]]
            for clip, start in zip(batch["clips"][row], batch["starts"][row].tolist(), strict=True):
                expected = codes[start : start + 9 : 2]
                assert np.array_equal(clip[: len(expected)], expected)
                assert (clip[len(expected) :] == pad_token(50)).all()


def test_every_epoch_shows_every_video_once(clips: RandomClips) -> None:
    loader = ClipLoader(clips, batch_size=4, steps=9)
    index = torch.cat([batch["index"] for batch in loader]).reshape(4, 9)
    assert all(sorted(epoch) == list(range(9)) for epoch in index.tolist())
    assert len({tuple(epoch) for epoch in index.tolist()}) == 4


def test_a_store_smaller_than_the_batch_is_repeated(clips: RandomClips) -> None:
    (batch,) = ClipLoader(clips, batch_size=24, steps=1)
    counts = torch.bincount(batch["index"], minlength=9)
    assert counts.sum() == 24
    assert counts.min() >= 2
    drawn = {tuple(seeds) for seeds in batch["mask_seeds"].tolist()}
    assert len(drawn) == 24  # another epoch draws other clips and masks


Order = list[tuple[str, list[int], list[int], list[int]]]


def order_of(clips: RandomClips, batches: Batches) -> Order:
    """The ordered list of (key, start frames, views, mask seeds) of some batches."""
    columns = ("index", "starts", "view", "mask_seeds")
    rows = [row for b in batches for row in zip(*(b[c].tolist() for c in columns), strict=True)]
    return [(clips.store.keys[index], *rest) for index, *rest in rows]


def test_three_epochs_come_in_one_order(tmp_path: Path) -> None:
    """For 0, 1 and 4 workers (of 3 shards), for 1, 2 and 4 ranks, resumed at any step."""
    path = build(tmp_path / "tokens", make_full_videos(17), 6, views=("full",))
    clips = RandomClips(TokenStore.open(path), frames=3, stride=2, seed=5)
    steps = 3 * len(clips) // 4
    alone = list(ClipLoader(clips, batch_size=4, steps=steps))
    order = order_of(clips, alone)
    assert len(set(map(str, order))) == 3 * len(clips) == 48
    for workers in (1, 4):
        loader = ClipLoader(clips, batch_size=4, steps=steps, workers=workers)
        batches = list(loader)
        assert order_of(clips, batches) == order
        assert_equal(batches, alone)
        assert_equal(list(islice(loader, 2)), alone[:2])  # and stopping early is clean
        del loader
        gc.collect()
    for world_size in (2, 4):
        ranks = [
            list(ClipLoader(clips, batch_size=4, steps=steps, rank=rank, world_size=world_size))
            for rank in range(world_size)
        ]
        assert order_of(clips, merge(ranks)) == order
    for step in range(steps + 1):
        rest = list(ClipLoader(clips, batch_size=4, steps=steps, start_step=step))
        assert order_of(clips, alone[:step] + rest) == order


@pytest.mark.parametrize("kept", [1, 4])
def test_whole_shards_and_single_clips_read_the_same(clips: RandomClips, kept: int) -> None:
    source = DecodedShards(clips.store, kept)
    assert_equal([clips.batch(range(40), source)], [clips.batch(range(40))])
    assert len(source._kept) == min(kept, 3)


def test_processes_that_share_shards_read_clips_alone(clips: RandomClips) -> None:
    assert isinstance(clip_source(clips, 1), DecodedShards)
    assert clip_source(clips, 64) is clips.store


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([1, 2, 4]), st.integers(0, 6))
def test_ranks_and_restarts_change_nothing(
    clips: RandomClips, world_size: int, start_step: int
) -> None:
    alone = list(ClipLoader(clips, batch_size=8, steps=6))
    ranks = [
        list(
            ClipLoader(
                clips,
                batch_size=8,
                steps=6,
                start_step=start_step,
                rank=rank,
                world_size=world_size,
            )
        )
        for rank in range(world_size)
    ]
    assert_equal(merge(ranks), alone[start_step:])


def test_signals_of_the_whole_group_leave_the_workers_at_work(clips: RandomClips) -> None:
    others = multiprocessing.active_children()
    batches = iter(ClipLoader(clips, batch_size=4, steps=12, workers=1))
    read = [next(batches)]
    (worker,) = set(multiprocessing.active_children()) - set(others)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(worker.pid or 0, number)
    read.extend(batches)
    assert_equal(read, list(ClipLoader(clips, batch_size=4, steps=12)))
    del batches
    worker.join(10)
    assert not worker.is_alive()


def test_chosen_videos_keep_their_labels(clips: RandomClips) -> None:
    chosen = RandomClips(
        clips.store, frames=3, stride=1, seed=0, clips=1, indices=[7, 2, 5], labels=[70, 20, -1]
    )
    (batch,) = ClipLoader(chosen, batch_size=6, steps=1)
    pairs = set(zip(batch["index"].tolist(), batch["label"].tolist(), strict=True))
    assert pairs == {(7, 70), (2, 20), (5, -1)}
    assert batch["clips"].shape == (6, 1, 3, 4, 4)


def test_clips_of_a_video_stay_within_the_distance(store_path: Path) -> None:
    store = TokenStore.open(store_path)
    near = RandomClips(store, frames=2, stride=1, seed=0, max_distance=3)
    (batch,) = ClipLoader(near, batch_size=200, steps=1)
    distances = (batch["starts"][:, 0] - batch["starts"][:, 1]).abs()
    assert distances.max() == 3


def test_impossible_requests_are_one_clear_line(clips: RandomClips) -> None:
    with pytest.raises(StoreError, match="multiple of 2"):
        ClipLoader(clips, batch_size=3, steps=1, world_size=2)
    with pytest.raises(StoreError, match="rank should be"):
        ClipLoader(clips, batch_size=4, steps=1, rank=2, world_size=2)
    with pytest.raises(StoreError, match="no videos chosen"):
        EvaluationClips(clips.store, [], frames=1, stride=1)
    with pytest.raises(StoreError, match="video numbers"):
        EvaluationClips(clips.store, [9], frames=1, stride=1)
    with pytest.raises(StoreError, match="as many labels"):
        EvaluationClips(clips.store, [1, 2], labels=[1], frames=1, stride=1)


def test_evaluation_clips_are_evenly_spaced(clips: RandomClips, videos: Videos) -> None:
    store = clips.store
    chosen = EvaluationClips(store, [5, 0, 3], frames=4, stride=2, clips=3, labels=[1, 0, 2])
    batches = [
        batch
        for rank in range(2)
        for batch in evaluation_loader(chosen, batch_size=2, rank=rank, world_size=2)
    ]
    merged = {name: torch.cat([b[name] for b in batches]) for name in batches[0]}
    assert merged["index"].tolist() == [5, 0, 3]
    assert merged["label"].tolist() == [1, 0, 2]
    for row, index in enumerate([5, 0, 3]):
        codes = videos[store.keys[index]]
        for k, start in enumerate(evenly_spaced_starts(len(codes), 7, 3)):
            expected = codes[start : start + 7 : 2]
            assert np.array_equal(merged["clips"][row, k, : len(expected)], expected)
