"""Where the codes of a shard's videos lie: which array, from which frame to which."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError
from ..format.commit import CommitRecord
from ..format.identity import Grid, StoreIdentity

Codes = NDArray[np.unsignedinteger]
Numbers = Sequence[int] | NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class CodeArray:
    """The codes of all videos of a shard that share a view and a grid, one after another.

    Attributes:
        name: The view, or `full/17x30` for the videos of one grid of the view `full`.
        view: The view.
        grid: `(h, w)` codes a frame.
        dtype: Type of a code, little-endian.
        videos: Numbers of the videos within their shard, ascending, int64.
        ends: Where each of them ends, in frames, int64.
    """

    name: str
    view: str
    grid: Grid
    dtype: np.dtype[Any]
    videos: NDArray[np.int64]
    ends: NDArray[np.int64]

    @property
    def frames(self) -> int:
        """Frames of all its videos."""
        return int(self.ends[-1]) if len(self.ends) else 0

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame's codes."""
        return self.grid[0] * self.grid[1] * self.dtype.itemsize


class Span(NamedTuple):
    """One video's frames in one array: `array[start:stop]`."""

    array: CodeArray
    start: int
    stop: int


class ShardLayout:
    """The arrays of one shard, and the place of each video in them.

    Args:
        identity: The store's identity.
        keys: Key of each video, in stored order.
        frames: Stored frames of each.
        grids: `(h, w)` of each in the view `full`; not used where that is not stored.
    """

    def __init__(
        self,
        identity: StoreIdentity,
        keys: Sequence[str],
        frames: Numbers,
        grids: Sequence[Grid] | NDArray[np.int64],
    ) -> None:
        self.identity = identity
        self.keys = keys
        self.frames = np.asarray(frames, dtype=np.int64)
        self.arrays: dict[str, CodeArray] = {}
        self._names: dict[str, list[str]] = {}
        everyone = np.arange(len(keys))
        for view in identity.views:
            grid = identity.stored_grid(view)
            if grid is not None:
                self._put(view, view, grid, everyone)
                continue
            own = [(int(h), int(w)) for h, w in grids]
            if len(own) != len(keys):
                raise StoreError(f"view {view}: {len(keys)} videos have {len(own)} grids")
            self._names[view] = [grid_name(view, grid) for grid in own]
            for grid in sorted(set(own)):
                sharing = np.array([number for number, g in enumerate(own) if g == grid])
                self._put(grid_name(view, grid), view, grid, sharing)

    def _put(self, name: str, view: str, grid: Grid, videos: NDArray[np.int64]) -> None:
        self.arrays[name] = CodeArray(
            name=name,
            view=view,
            grid=grid,
            dtype=np.dtype(self.identity.code_dtype).newbyteorder("<"),
            videos=videos,
            ends=np.cumsum(self.frames[videos], dtype=np.int64),
        )

    @classmethod
    def of(cls, identity: StoreIdentity, record: CommitRecord) -> "ShardLayout":
        """The layout of a committed shard."""
        return cls(identity, record.keys, record.frames, record.grids)

    def span(self, video: int, view: str) -> Span:
        """Where the codes of a video of the shard are; raises StoreError for no such view."""
        array, place = self.arrays.get(view), video
        if array is None:
            self.identity.stored_grid(view)
            array = self.arrays[self._names[view][video]]
            place = int(np.searchsorted(array.videos, video))
        stop = int(array.ends[place])
        return Span(array, stop - int(self.frames[video]), stop)


def grid_name(view: str, grid: Grid) -> str:
    """Name of the array of one grid of a view whose grid is each video's own."""
    return f"{view}/{grid[0]}x{grid[1]}"
