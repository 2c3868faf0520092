"""Random clips for training, as an endless sequence of samples."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Protocol, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..format.views import FULL
from ..shards.layout import Codes
from ..store import TokenStore
from .sampling import below, clip_span, epoch_order, pad_token, random_starts, sample_words
from .videos import LabelledVideos, Numbers

Integers = NDArray[np.int64]

WORDS_A_CLIP = 5
"""Random words that place one clip: start, mask seed, view, row and column of a crop."""


class ClipBatch(TypedDict):
    """A batch of n videos with K clips each, all int64.

    Attributes:
        clips: Codes, `(n, K, T, h, w)`; [PAD] past a video's end.
        starts: First stored frame of each clip, `(n, K)`.
        view: Which of `identity.views` each clip shows, `(n, K)`.
        mask_seeds: A seed for the mask of each clip, `(n, K)`, not negative.
        index: Number of each video in the store, `(n,)`.
        label: Its label, -1 where there is none, `(n,)`.
        sample: Place of each sample in the endless sequence of samples, `(n,)`.
    """

    clips: Tensor
    starts: Tensor
    view: Tensor
    mask_seeds: Tensor
    index: Tensor
    label: Tensor
    sample: Tensor


class ClipSource(Protocol):
    """Where the codes of clips come from: a `TokenStore`, or `DecodedShards` of one."""

    def clip(self, index: int, start: int, frames: int, stride: int, view: str) -> Codes:
        """Codes of a clip, `(T, h, w)`; fewer frames where the video ends."""


@dataclass(frozen=True, kw_only=True)
class DrawnClips:
    """Which clips some samples are, before any code is read; all int64.

    Attributes:
        index: Number of each video in the store, `(n,)`.
        label: Its label, `(n,)`.
        starts, view, mask_seeds: See `ClipBatch`, `(n, K)`.
        corners: Top row and left column of the crop of each clip, `(n, K, 2)`; zeros where whole
            frames are taken.
    """

    index: Integers
    label: Integers
    starts: Integers
    view: Integers
    mask_seeds: Integers
    corners: Integers


class RandomClips(LabelledVideos):
    """Random clips for training, as an endless sequence of samples.

    Sample p belongs to epoch `p // n` of the n videos and is at place `p % n` of that epoch's
    order. Which video it is, its clips, views and mask seeds depend on (seed, epoch, place) alone.

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
        views: Stored views, of which one is drawn for each clip; by default `center` where it is
            stored. Of `full`, a random square is cropped.
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
        views: Sequence[str] | None = None,
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
        self.views = tuple(views or (store.identity.default_view,))
        self.grid = self.common_grid(self.views)
        ends = np.searchsorted(self.indices, np.cumsum(store.shard_sizes))
        self._sizes = np.diff(ends, prepend=0)
        self._order: tuple[int, Integers] | None = None

    def order(self, epoch: int) -> Integers:
        """The order of the chosen videos in an epoch: places among them sorted by number."""
        if self._order is None or self._order[0] != epoch:
            order = epoch_order(self.seed, epoch, self._sizes, self.shuffle_shards)
            self._order = epoch, order
        return self._order[1]

    def draw(self, samples: range) -> DrawnClips:
        """Which clips consecutive samples are; reads no code."""
        parts = [self._draw(epoch, places) for epoch, places in split_epochs(samples, len(self))]
        names = [field.name for field in fields(DrawnClips)]
        return DrawnClips(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names})

    def _draw(self, epoch: int, places: range) -> DrawnClips:
        """The clips at some places of one epoch's order."""
        chosen = self.order(epoch)[places.start : places.stop]
        index = self.indices[chosen]
        words = sample_words(self.seed, epoch, places, WORDS_A_CLIP * self.clips)
        starts, seeds, views, rows, columns = np.split(words, WORDS_A_CLIP, axis=1)
        numbers = np.array([self.store.identity.views.index(view) for view in self.views])
        view = numbers[below(views, np.array(len(self.views)))]
        corners = np.zeros((*view.shape, 2), dtype=np.int64)
        if FULL in self.views:
            room = self.store.index.grids[index] - self.grid + 1
            whole = view == self.store.identity.views.index(FULL)
            drawn = below(np.stack([rows, columns], axis=2), room[:, None])
            corners = np.where(whole[..., None], drawn, corners)
        return DrawnClips(
            index=index,
            label=self.labels[chosen],
            starts=random_starts(starts, self.store.frames[index], self.span, self.max_distance),
            view=view,
            mask_seeds=(seeds >> np.uint64(1)).astype(np.int64),
            corners=corners,
        )

    def batch(self, samples: range, source: ClipSource | None = None) -> ClipBatch:
        """The batch of consecutive samples, in their order.

        Args:
            samples: Their places in the endless sequence.
            source: Where codes are read; the store by default.
        """
        drawn = self.draw(samples)
        return ClipBatch(
            clips=torch.from_numpy(self.read(drawn, source or self.store)),
            starts=torch.from_numpy(drawn.starts),
            view=torch.from_numpy(drawn.view),
            mask_seeds=torch.from_numpy(drawn.mask_seeds),
            index=torch.from_numpy(drawn.index),
            label=torch.from_numpy(drawn.label),
            sample=torch.arange(samples.start, samples.stop),
        )

    def read(self, drawn: DrawnClips, source: ClipSource) -> Integers:
        """The codes of drawn clips, `(n, K, T, h, w)` int64."""
        names, (h, w) = self.store.identity.views, self.grid
        shape = (*drawn.starts.shape, self.frames, h, w)
        clips, pad = np.empty(shape, np.int64), pad_token(self.store.identity.vocabulary)
        rows = zip(drawn.starts.tolist(), drawn.view.tolist(), drawn.corners.tolist(), strict=True)
        for out, index, row in zip(clips, drawn.index.tolist(), rows, strict=True):
            for clip, start, view, (top, left) in zip(out, *row, strict=True):
                codes = source.clip(index, start, self.frames, self.stride, names[view])
                clip[: len(codes)] = codes[:, top : top + h, left : left + w]
                clip[len(codes) :] = pad
        return clips


def split_epochs(samples: range, videos: int) -> Iterator[tuple[int, range]]:
    """Consecutive samples as epochs and places in each."""
    start = samples.start
    while start < samples.stop:
        epoch, first = divmod(start, videos)
        last = min(videos, first + samples.stop - start)
        yield epoch, range(first, last)
        start += last - first
