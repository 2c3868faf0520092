"""Where clips start and in which order videos come: pure functions, the same on every machine.

Randomness is counter-based: raw 64-bit words of Philox, keyed by (seed, epoch) and counted by
sample. NumPy fixes those words for ever, which it does not do for its derived distributions, so
orders and positions are made from the words by integer arithmetic alone.
"""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError

SPECIAL_TOKENS = 5
WORD = 2**64

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


def sample_rng(
    seed: int, epoch: int, sample: int, stream: int = CLIPS_STREAM
) -> np.random.Generator:
    """The generator of one sample of one epoch, independent of every other.

    Args:
        seed: The run's seed.
        epoch: Pass over the videos.
        sample: Index of the video in the store.
        stream: Which of the sample's streams of numbers.
    """
    key = np.array([seed % WORD, epoch % WORD], dtype=np.uint64)
    counter = np.array([0, sample % WORD, stream, 0], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def random_word(rng: np.random.Generator) -> int:
    """The generator's next 64 bits."""
    return int(rng.bit_generator.random_raw())


def random_starts(
    rng: np.random.Generator,
    n_frames: int,
    span: int,
    clips: int = 2,
    max_distance: int | None = None,
) -> NDArray[np.int64]:
    """First frames of clips drawn uniformly and independently over a video, `(clips,)` int64.

    Args:
        rng: Where the randomness comes from.
        n_frames: Stored frames of the video.
        span: Stored frames a clip spans (see `clip_span`).
        clips: How many clips.
        max_distance: If given, later clips start at most so many stored frames from the first.
    """
    last = max(n_frames - span, 0)
    low, high = 0, last
    starts: list[int] = []
    for _ in range(clips):
        starts.append(low + random_word(rng) % (high - low + 1))
        if max_distance is not None:
            low, high = max(starts[0] - max_distance, 0), min(starts[0] + max_distance, last)
    return np.array(starts, dtype=np.int64)


def permutation(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """A random order of `count` things, `(count,)` int64."""
    words = np.asarray(rng.bit_generator.random_raw(count), dtype=np.uint64)
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
    rng = sample_rng(seed, epoch, 0, ORDER_STREAM)
    shards = permutation(rng, len(sizes))
    order = [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(sizes), shuffle_shards):
        group = np.concatenate([ranges[shard] for shard in shards[start : start + shuffle_shards]])
        order.append(group[permutation(rng, len(group))])
    return np.concatenate(order)
