"""What a view shows of a frame: crops and flips are slices of frames decoded once."""

from collections.abc import Sequence

from ...datasets import CROPS, FULL, View
from .pictures import Frames


def sizes_of(views: Sequence[View], size: int) -> tuple[int, ...]:
    """Shorter sides at which frames are needed for views of `size` pixels, each once."""
    return tuple(dict.fromkeys(shorter_side(view, size) for view in views))


def shorter_side(view: View, size: int) -> int:
    """Shorter side of the frame a view is cut from, in pixels."""
    return round(size * view.scale)


def crop(frames: Frames, view: View, size: int, multiple: int = 1) -> Frames:
    """What a view shows, sharing the frames' memory.

    Args:
        frames: `(n, H, W, 3)` with the shorter side `shorter_side(view, size)`.
        view: which square, or the whole frame.
        size: side of the square in pixels.
        multiple: a whole frame is cut to sides that are multiples of this, its middle kept.

    Returns:
        `(n, size, size, 3)`, or `(n, H', W', 3)` for a whole frame.

    Raises:
        ValueError: the frames are smaller than `size`.
    """
    height, width = frames.shape[1:3]
    if min(height, width) < size:
        raise ValueError(f"cannot crop {size} x {size} from frames of {width} x {height}")
    rows, columns = size, size
    if view.crop == FULL:
        rows, columns = height - height % multiple, width - width % multiple
    place = 1 if view.crop == FULL else CROPS.index(view.crop)  # halves of what is left over
    top, left = place * (height - rows) // 2, place * (width - columns) // 2
    cut = frames[:, top : top + rows, left : left + columns]
    return cut[:, :, ::-1] if view.flip else cut


def center_crop(frames: Frames, size: int) -> Frames:
    """The centre square of `(n, H, W, 3)` frames as a view `(n, size, size, 3)`."""
    return crop(frames, View(), size)
