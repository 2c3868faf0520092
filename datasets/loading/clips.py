"""Clips of stored videos: drawn at random for training, evenly spaced for evaluation."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ..errors import StoreError
from ..store import TokenStore
from .sampling import (
    clip_span,
    epoch_order,
    evenly_spaced_starts,
    pad_token,
    random_starts,
    random_word,
    sample_rng,
    take_clip,
)

Numbers = Sequence[int] | NDArray[np.int64]


class ClipBatch(TypedDict):
    """A batch of n videos with K clips each, all int64.

    Attributes:
        clips: Codes, `(n, K, T, h, w)`; [PAD] past a video's end.
        starts: First stored frame of each clip, `(n, K)`.
        mask_seeds: A seed for the mask of each clip, `(n, K)`, not negative.
        index: Number of each video in the store, `(n,)`.
        label: Its label, -1 where there is none, `(n,)`.
        sample: Place of each sample in the endless sequence of samples, `(n,)`.
    """

    clips: Tensor
    starts: Tensor
    mask_seeds: Tensor
    index: Tensor
    label: Tensor
    sample: Tensor


class EvaluationSample(TypedDict):
    """One video: `clips` `(K, T, h, w)`, and `index` and `label` `()`, all int64."""

    clips: Tensor
    index: Tensor
    label: Tensor


class LabelledVideos:
    """A choice of a store's videos, each with a label or -1.

    Args:
        store: The token store.
        indices: Numbers of the videos; all of them by default.
        labels: Label of each chosen video, -1 for none; none by default.

    Raises:
        StoreError: no videos, a number out of range, or not one label a video.
    """

    def __init__(
        self, store: TokenStore, indices: Numbers | None = None, labels: Numbers | None = None
    ) -> None:
        chosen = np.arange(len(store)) if indices is None else np.asarray(indices, dtype=np.int64)
        given = np.full(len(chosen), -1) if labels is None else np.asarray(labels, dtype=np.int64)
        if not len(chosen):
            raise StoreError(f"no videos chosen of the {len(store)} in {store.path}")
        if chosen.min() < 0 or chosen.max() >= len(store):
            raise StoreError(f"video numbers should be in [0, {len(store)}) for {store.path}")
        if given.shape != chosen.shape:
            raise StoreError(f"{len(chosen)} videos need as many labels, found {given.shape}")
        self.store = store
        self.indices = chosen
        self.labels = given

    def __len__(self) -> int:
        """Number of chosen videos."""
        return len(self.indices)


class RandomClips(LabelledVideos):
    """Random clips for training, as an endless sequence of samples.

    Sample p belongs to epoch `p // n` of the n videos and is at place `p % n` of that epoch's
    order. Its clips and mask seeds depend on (seed, epoch, video) alone.

    Args:
        store: The token store.
        frames: Frames a clip, T.
        stride: Stored frames from one frame of a clip to the next.
        seed: The run's seed.
        clips: Clips a video, K.
        max_distance: Most stored frames between the first clip's start and another's; None for
            anywhere in the video.
        indices: Numbers of the videos; all of them by default.
        labels: Label of each chosen video, -1 for none; none by default.
        shuffle_shards: Shards whose videos are mixed (see `epoch_order`).
    """

    def __init__(
        self,
        store: TokenStore,
        *,
        frames: int,
        stride: int,
        seed: int,
        clips: int = 2,
        max_distance: int | None = None,
        indices: Numbers | None = None,
        labels: Numbers | None = None,
        shuffle_shards: int = 4,
    ) -> None:
        super().__init__(store, indices, labels)
        by_index = np.argsort(self.indices, kind="stable")  # shard by shard
        self.indices, self.labels = self.indices[by_index], self.labels[by_index]
        self.frames = frames
        self.stride = stride
        self.span = clip_span(frames, stride)
        self.seed = seed
        self.clips = clips
        self.max_distance = max_distance
        self.shuffle_shards = shuffle_shards
        ends = np.searchsorted(self.indices, np.cumsum(store.shard_sizes))
        self._sizes = np.diff(ends, prepend=0)
        self._order: tuple[int, NDArray[np.int64]] | None = None

    def place(self, sample: int) -> tuple[int, int]:
        """Epoch of a sample, and its place among the chosen videos sorted by number."""
        epoch, place = divmod(sample, len(self))
        if self._order is None or self._order[0] != epoch:
            order = epoch_order(self.seed, epoch, self._sizes, self.shuffle_shards)
            self._order = epoch, order
        return epoch, int(self._order[1][place])

    def batch(self, samples: Sequence[int]) -> ClipBatch:
        """The batch of some samples, in their order."""
        drawn = [self._draw(sample) for sample in samples]
        clips, starts, seeds, places = zip(*drawn, strict=True)
        return ClipBatch(
            clips=torch.from_numpy(np.stack(clips)),
            starts=torch.from_numpy(np.stack(starts)),
            mask_seeds=torch.from_numpy(np.stack(seeds)),
            index=torch.from_numpy(self.indices[list(places)]),
            label=torch.from_numpy(self.labels[list(places)]),
            sample=torch.tensor(list(samples), dtype=torch.int64),
        )

    def _draw(
        self, sample: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], int]:
        """Clips `(K, T, h, w)`, starts `(K,)`, mask seeds `(K,)` and place of one sample."""
        epoch, place = self.place(sample)
        index = int(self.indices[place])
        rng = sample_rng(self.seed, epoch, index)
        length = int(self.store.frames[index])
        starts = random_starts(rng, length, self.span, self.clips, self.max_distance)
        seeds = np.array([random_word(rng) >> 1 for _ in starts], dtype=np.int64)
        clips = cut(self.store, index, starts, self.frames, self.stride)
        return clips, starts, seeds, place


class EvaluationClips(LabelledVideos, Dataset[EvaluationSample]):
    """Evenly spaced clips of chosen videos, in the order given; a map-style data set.

    Args:
        store: The token store.
        indices: Numbers of the videos; all of them by default.
        frames: Frames a clip, T.
        stride: Stored frames from one frame of a clip to the next.
        clips: Clips a video, K.
        labels: Label of each chosen video, -1 for none; none by default.
    """

    def __init__(
        self,
        store: TokenStore,
        indices: Numbers | None = None,
        *,
        frames: int,
        stride: int,
        clips: int = 10,
        labels: Numbers | None = None,
    ) -> None:
        super().__init__(store, indices, labels)
        self.frames = frames
        self.stride = stride
        self.span = clip_span(frames, stride)
        self.clips = clips

    def __getitem__(self, place: int) -> EvaluationSample:
        """The clips of the video at a place of `indices`."""
        index = int(self.indices[place])
        starts = evenly_spaced_starts(int(self.store.frames[index]), self.span, self.clips)
        clips = cut(self.store, index, starts, self.frames, self.stride)
        return EvaluationSample(
            clips=torch.from_numpy(clips),
            index=torch.tensor(index),
            label=torch.tensor(int(self.labels[place])),
        )


def cut(
    store: TokenStore, index: int, starts: NDArray[np.int64], frames: int, stride: int
) -> NDArray[np.int64]:
    """Clips of one video at the given starts, `(K, T, h, w)`."""
    codes = store.codes(index)
    pad = pad_token(store.identity.vocabulary)
    return np.stack([take_clip(codes, int(start), frames, stride, pad) for start in starts])
