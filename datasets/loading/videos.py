"""A choice of a store's videos, with labels where there are any."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError
from ..format.identity import Grid
from ..format.views import FULL
from ..store import TokenStore

Numbers = Sequence[int] | NDArray[np.int64]


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

    def common_grid(self, views: Sequence[str]) -> Grid:
        """`(h, w)` codes a frame of a clip, the same in all of some stored views.

        Raises:
            StoreError: a view is not stored, grids differ, or a whole frame is too small to crop.
        """
        grids = {self.store.identity.grid(view) for view in views}
        if len(grids) != 1:
            raise StoreError(f"views {', '.join(views)} should share one grid, found {grids}")
        grid = grids.pop()
        if FULL in views and (self.store.index.grids[self.indices] < grid).any():
            raise StoreError(f"{self.store.path} has frames smaller than the crop of {grid} codes")
        return grid
