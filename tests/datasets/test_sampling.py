"""Sampling rules as pure functions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vimpac.datasets import (
    SPECIAL_TOKENS,
    StoreError,
    clip_span,
    epoch_order,
    evenly_spaced_starts,
    mask_token,
    pad_token,
    take_clip,
)
from vimpac.datasets.loading.sampling import random_starts, sample_words

sizes = st.lists(st.integers(0, 12), max_size=12)
seeds = st.integers(0, 2**63)

# Fixed for ever: runs of other machines and versions must repeat them.
ORDER = [8, 7, 1, 2, 6, 5, 0, 3, 4]
LENGTHS = np.array([100, 12])
STARTS = [[69, 45], [1, 1]]


def test_special_tokens_follow_the_vocabulary() -> None:
    assert (pad_token(8192), mask_token(8192), SPECIAL_TOKENS) == (8193, 8196, 5)


@given(st.integers(1, 400), st.integers(1, 60), st.integers(1, 20))
def test_evenly_spaced_starts_follow_the_rule(n_frames: int, span: int, clips: int) -> None:
    delta = max(n_frames - span, 0)
    expected = [int(delta * k / max(clips - 1, 1)) for k in range(clips)]
    assert evenly_spaced_starts(n_frames, span, clips).tolist() == expected


def test_the_last_evenly_spaced_clip_ends_with_the_video() -> None:
    starts = evenly_spaced_starts(100, clip_span(5, 4), 10)
    assert (starts[0], starts[-1] + clip_span(5, 4)) == (0, 100)


def test_clips_take_every_stride_th_frame_and_pad_at_the_end() -> None:
    codes = np.arange(10, dtype=np.uint16)[:, None, None] + np.zeros((1, 2, 3), np.uint16)
    clip = take_clip(codes, 1, 4, 3, pad=51)
    assert clip.dtype == np.int64
    assert clip.shape == (4, 2, 3)
    assert clip[:, 1, 2].tolist() == [1, 4, 7, 51]
    assert take_clip(codes, 0, 4, 3, pad=51)[:, 0, 0].tolist() == [0, 3, 6, 9]
    with pytest.raises(StoreError, match="at least 1"):
        take_clip(codes, 0, 4, 0, pad=51)


@given(sizes, seeds, st.integers(0, 1000), st.integers(1, 5))
def test_an_epochs_order_is_a_permutation_within_groups_of_shards(
    shard_sizes: list[int], seed: int, epoch: int, shuffle_shards: int
) -> None:
    order = epoch_order(seed, epoch, shard_sizes, shuffle_shards)
    assert sorted(order.tolist()) == list(range(sum(shard_sizes)))
    shard_of = np.repeat(np.arange(len(shard_sizes)), shard_sizes)[order]
    first = {int(s): int(np.flatnonzero(shard_of == s)[0]) for s in set(shard_of.tolist())}
    last = {s: int(np.flatnonzero(shard_of == s)[-1]) for s in first}
    for place in range(len(order)):  # shards open at once
        assert sum(first[s] <= place <= last[s] for s in first) <= shuffle_shards


def test_orders_differ_between_epochs_and_seeds() -> None:
    orders = {tuple(epoch_order(s, e, [20, 20, 20])) for s in range(3) for e in range(3)}
    assert len(orders) == 9


def test_orders_are_the_same_on_every_machine() -> None:
    assert epoch_order(7, 3, [3, 2, 4], 2).tolist() == ORDER
    assert random_starts(sample_words(7, 3, range(5, 7), 2), LENGTHS, 9).tolist() == STARTS


@given(seeds, st.integers(1, 60), st.integers(1, 30), st.integers(0, 20) | st.none())
def test_random_starts_fit_and_stay_near(
    seed: int, n_frames: int, span: int, distance: int | None
) -> None:
    words = sample_words(seed, 0, range(1), 3)
    (starts,) = random_starts(words, np.array([n_frames]), span, distance)
    assert (starts >= 0).all()
    assert (starts <= max(n_frames - span, 0)).all()
    assert distance is None or (abs(starts - starts[0]) <= distance).all()


def test_random_starts_are_uniform_and_independent() -> None:
    drawn = random_starts(sample_words(0, 0, range(4000), 2), np.full(4000, 12), 3)
    counts = np.zeros((10, 10))
    np.add.at(counts, (drawn[:, 0], drawn[:, 1]), 1)
    chi_square = ((counts - 40) ** 2 / 40).sum()
    assert chi_square < 160  # 99 degrees of freedom: p < 1e-4
