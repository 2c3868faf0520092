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
    """What an evaluation remembers: counts, and some numbers a video.

    Attributes:
        classes: number of classes, C.
        views: views a video, V.
        videos: how many will be counted, n.
        confusion: `(C, C)` int64, row = class, column = answer.
        right: `(V, 2)` int64, videos whose class is the best, or among the best five, by the
            first v views.
        index, label: `(n,)` int64, numbers of the videos in the store and their labels.
        best: `(n, 5)` int64, the likeliest classes; fewer where there are fewer.
        probability: `(n, 5)` float64, of these.
        counted: videos so far.
    """

    classes: int
    views: int
    videos: int
    confusion: Tensor = field(init=False)
    right: Tensor = field(init=False)
    index: Tensor = field(init=False)
    label: Tensor = field(init=False)
    best: Tensor = field(init=False)
    probability: Tensor = field(init=False)
    counted: int = 0

    def __post_init__(self) -> None:
        best = min(BEST, self.classes)
        self.confusion = torch.zeros(self.classes, self.classes, dtype=torch.int64)
        self.right = torch.zeros(self.views, 2, dtype=torch.int64)
        self.index = torch.zeros(self.videos, dtype=torch.int64)
        self.label = torch.zeros(self.videos, dtype=torch.int64)
        self.best = torch.zeros(self.videos, best, dtype=torch.int64)
        self.probability = torch.zeros(self.videos, best, dtype=torch.float64)

    def add(self, index: Tensor, label: Tensor, probabilities: Tensor) -> None:
        """Count the next m videos.

        Args:
            index: `(m,)` int64, their numbers in the store.
            label: `(m,)` int64.
            probabilities: `(m, V, C)`, of each view.
        """
        best = mean_of_first(probabilities).topk(self.best.shape[1], dim=2)
        hits = best.indices == label[:, None, None]  # (m, V, 5)
        self.right[:, 0] += hits[:, :, 0].sum(0)
        self.right[:, 1] += hits.any(2).sum(0)
        pairs = label * self.classes + best.indices[:, -1, 0]
        self.confusion += torch.bincount(pairs, minlength=self.classes**2).view_as(self.confusion)
        part = slice(self.counted, self.counted + len(index))
        self.index[part], self.label[part] = index, label
        self.best[part], self.probability[part] = best.indices[:, -1], best.values[:, -1]
        self.counted = part.stop

    def gathered(self, distributed: Distributed) -> "Tally":
        """The tally of all ranks together, the same on each; videos in the order of the ranks."""
        device = distributed.device
        columns = [
            distributed.collect(own[: self.counted].to(device)).cpu()
            for own in (self.index, self.label, self.best, self.probability)
        ]
        whole = Tally(classes=self.classes, views=self.views, videos=len(columns[0]))
        whole.index, whole.label, whole.best, whole.probability = columns
        whole.confusion = distributed.total(self.confusion.to(device)).cpu()
        whole.right = distributed.total(self.right.to(device)).cpu()
        whole.counted = whole.videos
        return whole
