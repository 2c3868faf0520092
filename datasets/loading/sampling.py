"""Where clips start and in which order videos come: pure functions, the same on every machine.

Randomness is counter-based: raw 64-bit words of Philox, keyed by (seed, epoch) and counted by the
sample's place in its epoch. NumPy fixes those words for ever, which it does not do for its derived
distributions, so orders and positions are made from the words by integer arithmetic alone.
"""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError

Words = NDArray[np.uint64]

SPECIAL_TOKENS = 5
WORD = 2**64
WORDS_A_BLOCK = 4  # what Philox makes of one count

# Separate streams of one (seed, epoch): they never share a word.
CLIPS_STREAM, ORDER_STREAM = 0, 1


def pad_token(vocabulary: int) -> int:
    """[PAD], for frames past a video's end."""
    return vocabulary + 1


def mask_token(vocabulary: int) -> int:
    """[MASK], for codes hidden from the model."""
    return vocabulary + 4


def clip_span(frames: int, stride: int) -> int:
    """Stored frames from a clip's first frame to its last, both counted.

    A clip of T frames takes every `stride`-th stored frame, so it spans `(T - 1) * stride + 1` of
    them: its last frame can be the video's last.
    """
    if frames < 1 or stride < 1:
        raise StoreError(f"a clip needs frames and stride of at least 1, found {frames}, {stride}")
    return (frames - 1) * stride + 1


def evenly_spaced_starts(n_frames: int, clip_frames: int, clips: int) -> NDArray[np.int64]:
    """First frames of `clips` clips spread over a video, `(clips,)` int64.

    `start_k = int(delta * k / max(clips - 1, 1))` with `delta = max(n_frames - clip_frames, 0)`.

    Args:
        n_frames: Stored frames of the video.
        clip_frames: Stored frames a clip spans (see `clip_span`).
        clips: How many clips.
    """
    delta = max(n_frames - clip_frames, 0)
    return np.arange(clips, dtype=np.int64) * delta // max(clips - 1, 1)


def take_clip(
    codes: NDArray[np.unsignedinteger], start: int, frames: int, stride: int, pad: int
) -> NDArray[np.int64]:
    """Cut `(T, h, w)` int64 out of a video's `(n, h, w)` codes; past its end all is `pad`."""
    clip = np.full((frames, *codes.shape[1:]), pad, dtype=np.int64)
    taken = codes[start : start + clip_span(frames, stride) : stride]
    clip[: len(taken)] = taken
    return clip


def word_source(seed: int, epoch: int, stream: int, block: int = 0) -> np.random.Philox:
    """A source of random words for one epoch, from the `block`-th four of them on."""
    key = np.array([seed % WORD, epoch % WORD], dtype=np.uint64)
    counter = np.array([block % WORD, 0, stream, 0], dtype=np.uint64)
    return np.random.Philox(key=key, counter=counter)


def sample_words(seed: int, epoch: int, places: range, words: int) -> Words:
    """Random words of consecutive samples of an epoch, each sample's independent of all others.

    Args:
        seed: The run's seed.
        epoch: Pass over the videos.
        places: Places of the samples in the epoch's order.
        words: How many each needs; the same for every sample of a run.

    Returns:
        `(len(places), words)` uint64.
    """
    blocks = -(-words // WORDS_A_BLOCK)
    source = word_source(seed, epoch, CLIPS_STREAM, places.start * blocks)
    drawn = source.random_raw(len(places) * blocks * WORDS_A_BLOCK)
    return drawn.reshape(len(places), -1)[:, :words]


def below(words: Words, bounds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Uniform integers in `[0, bound)`, one a word, int64."""
    return (words % bounds.astype(np.uint64)).astype(np.int64)


def random_starts(
    words: Words, n_frames: NDArray[np.int64], span: int, max_distance: int | None = None
) -> NDArray[np.int64]:
    """First frames of clips drawn uniformly and independently over videos, `(n, K)` int64.

    Args:
        words: Random words, `(n, K)` uint64.
        n_frames: Stored frames of each video, `(n,)`.
        span: Stored frames a clip spans (see `clip_span`).
        max_distance: If given, later clips start at most so many stored frames from the first.
    """
    last = np.maximum(n_frames - span, 0)[:, None]
    first = below(words[:, :1], last + 1)
    low, high = np.zeros_like(last), last
    if max_distance is not None:
        low, high = np.maximum(first - max_distance, 0), np.minimum(first + max_distance, last)
    return np.concatenate([first, low + below(words[:, 1:], high - low + 1)], axis=1)


def permutation(source: np.random.Philox, count: int) -> NDArray[np.int64]:
    """A random order of `count` things, `(count,)` int64."""
    words = np.asarray(source.random_raw(count), dtype=np.uint64)
    return np.argsort(words, kind="stable").astype(np.int64)


def epoch_order(
    seed: int, epoch: int, shard_sizes: Sequence[int] | NDArray[np.int64], shuffle_shards: int = 4
) -> NDArray[np.int64]:
    """The order of all videos in one epoch, a permutation of `range(sum(shard_sizes))`, int64.

    Shards are shuffled, then videos within groups of `shuffle_shards` consecutive ones. A reader
    so needs that many shards in memory and reads each once an epoch. Larger groups mix videos
    better and cost memory; a group of all shards is a uniform shuffle.

    Args:
        seed: The run's seed.
        epoch: Pass over the videos.
        shard_sizes: Videos in each shard.
        shuffle_shards: Shards whose videos are mixed.
    """
    sizes = [int(size) for size in shard_sizes]
    ends = list(accumulate(sizes))
    ranges = [np.arange(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    source = word_source(seed, epoch, ORDER_STREAM)
    shards = permutation(source, len(sizes))
    order = [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(sizes), shuffle_shards):
        group = np.concatenate([ranges[shard] for shard in shards[start : start + shuffle_shards]])
        order.append(group[permutation(source, len(group))])
    return np.concatenate(order)
