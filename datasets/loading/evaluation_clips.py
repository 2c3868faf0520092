"""Evenly spaced clips of chosen videos, for evaluation."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ..errors import StoreError
from ..format.identity import Grid
from ..format.views import CROPS, FULL
from ..shards.layout import Codes
from ..store import TokenStore
from .sampling import clip_span, evenly_spaced_starts, pad_token, take_clip
from .videos import LabelledVideos, Numbers


class EvaluationSample(TypedDict):
    """One video: `clips` `(K, T, h, w)`, and `index` and `label` `()`, all int64."""

    clips: Tensor
    index: Tensor
    label: Tensor


class EvaluationClips(LabelledVideos, Dataset[EvaluationSample]):
    """Evenly spaced clips of chosen videos, in the order given; a map-style data set.

    Args:
        store: The token store.
        indices: Numbers of the videos; all of them by default.
        frames: Frames a clip, T.
        stride: Stored frames from one frame of a clip to the next.
        clips: Clips a video and view.
        labels: Label of each chosen video, -1 for none; none by default.
        views: What each clip shows, in turn: K is `clips` times as many. `top_left`, `center` and
            `bottom_right` are cropped out of `full` where they are not stored themselves. The
            centre by default.
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
        views: Sequence[str] | None = None,
    ) -> None:
        super().__init__(store, indices, labels)
        self.frames = frames
        self.stride = stride
        self.clips = clips
        identity = store.identity
        default = "center" if identity.default_view == FULL else identity.default_view
        self.views = tuple(views or (default,))
        self.grid = self.common_grid([stored_view(identity.views, view) for view in self.views])

    def __getitem__(self, place: int) -> EvaluationSample:
        """The clips of the video at a place of `indices`."""
        index = int(self.indices[place])
        return EvaluationSample(
            clips=torch.from_numpy(np.concatenate([self.cut(index, v) for v in self.views])),
            index=torch.tensor(index),
            label=torch.tensor(int(self.labels[place])),
        )

    def cut(self, index: int, view: str) -> NDArray[np.int64]:
        """The clips of one view of a video, `(clips, T, h, w)`."""
        identity = self.store.identity
        return evenly_spaced_clips(
            self.store.codes(index, stored_view(identity.views, view)),
            view,
            grid=self.grid,
            frames=self.frames,
            stride=self.stride,
            clips=self.clips,
            pad=pad_token(identity.vocabulary),
        )


def evenly_spaced_clips(
    codes: Codes, view: str, *, grid: Grid, frames: int, stride: int, clips: int, pad: int
) -> NDArray[np.int64]:
    """Clips evenly spaced in one video, `(clips, T, h, w)`.

    Args:
        codes: `(n, rows, columns)` codes of the video's frames, of the view or of whole frames.
        view: what to show of whole frames: `top_left`, `center` or `bottom_right`.
        grid: `(h, w)` codes a frame of a clip.
        frames: Frames a clip, T.
        stride: Stored frames from one frame of a clip to the next.
        clips: How many.
        pad: Code past the video's end.
    """
    (top, left), (h, w) = crop_corner(view, codes.shape[1:], grid), grid
    shown = codes[:, top : top + h, left : left + w]
    starts = evenly_spaced_starts(len(codes), clip_span(frames, stride), clips).tolist()
    return np.stack([take_clip(shown, start, frames, stride, pad) for start in starts])


def stored_view(stored: Sequence[str], view: str) -> str:
    """The stored view that a view is read from: itself, or `full` for a plain crop of it.

    Raises:
        StoreError: the store can show no such view.
    """
    if view in stored:
        return view
    if view in CROPS and FULL in stored:
        return FULL
    raise StoreError(f"no view {view!r} in this store, it has {', '.join(stored)}")


def crop_corner(crop: str, grid: tuple[int, ...], square: Grid) -> tuple[int, int]:
    """Top row and left column of a named square in a frame.

    Args:
        crop: `top_left`, `center` or `bottom_right`.
        grid: `(h, w)` codes a whole frame.
        square: `(h, w)` codes of the crop.
    """
    rows, columns = grid[0] - square[0], grid[1] - square[1]
    corners = {"top_left": (0, 0), "center": (rows // 2, columns // 2)}
    return corners.get(crop, (rows, columns))
