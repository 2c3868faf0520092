"""Counting right answers over videos as they come, whatever batches and ranks they come in."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..distributed import Distributed

BEST = 5


def mean_of_first(probabilities: Tensor) -> Tensor:
    """`(n, V, C)` probabilities of views to their mean over the first 1, 2, ..., V views."""
    views = torch.arange(1, probabilities.shape[1] + 1, device=probabilities.device)
    return probabilities.double().cumsum(1) / views[:, None]


@dataclass(kw_only=True)
class Tally:
    """What an evaluation remembers: counts, and five numbers a video.

    Attributes:
        classes: number of classes, C.
        views: views a video, V.
        confusion: `(C, C)` int64, row = class, column = answer.
        right: `(V, 2)` int64, videos whose class is the best, or among the best five, by the
            first v views.
        videos: `(n,)` int64 numbers in the store, label and best classes `(n,)`, `(n, 5)` int64,
            and their probabilities `(n, 5)` float64, one entry a batch.
    """

    classes: int
    views: int
    confusion: Tensor = field(init=False)
    right: Tensor = field(init=False)
    videos: list[tuple[Tensor, Tensor, Tensor, Tensor]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.confusion = torch.zeros(self.classes, self.classes, dtype=torch.int64)
        self.right = torch.zeros(self.views, 2, dtype=torch.int64)

    def add(self, index: Tensor, label: Tensor, probabilities: Tensor) -> None:
        """Count n videos.

        Args:
            index: `(n,)` int64, their numbers in the store.
            label: `(n,)` int64.
            probabilities: `(n, V, C)`, of each view.
        """
        averaged = mean_of_first(probabilities)
        best = averaged.topk(min(BEST, self.classes), dim=2)
        hits = best.indices == label[:, None, None]  # (n, V, 5)
        self.right[:, 0] += hits[:, :, 0].sum(0)
        self.right[:, 1] += hits.any(2).sum(0)
        pairs = label * self.classes + best.indices[:, -1, 0]
        self.confusion += torch.bincount(pairs, minlength=self.classes**2).view_as(self.confusion)
        self.videos.append((index, label, best.indices[:, -1], best.values[:, -1]))

    def gathered(self, distributed: Distributed) -> "Tally":
        """The tally of all ranks together, the same on each; videos in the order of the ranks."""
        whole = Tally(classes=self.classes, views=self.views)
        device = distributed.device
        whole.confusion = distributed.total(self.confusion.to(device)).cpu()
        whole.right = distributed.total(self.right.to(device)).cpu()
        index, label, best, values = self._videos()
        parts = (index, label, best, values)
        whole.videos = [tuple(distributed.collect(part.to(device)).cpu() for part in parts)]  # type: ignore[list-item]
        return whole

    def _videos(self) -> tuple[Tensor, ...]:
        """All videos as four tensors; of no video, tensors of no row."""
        empty = torch.zeros(0, dtype=torch.int64)
        best = min(BEST, self.classes)
        nothing = (empty, empty, empty.new_zeros(0, best), torch.zeros(0, best).double())
        columns = zip(nothing, *self.videos, strict=True)
        return tuple(torch.cat(column) for column in columns)
