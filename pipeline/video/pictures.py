"""From ffmpeg's stream of PPM pictures to batches of frames, at one size or several."""

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from .command import MAX_ASPECT
from .ffmpeg import FFmpegProcess
from .log import VideoError

Frames = npt.NDArray[np.uint8]

BATCH_BYTES = 16 * 2**20
"""Most a batch holds, all sizes together, whatever the pictures' size; one frame at least."""

_HEADER = re.compile(rb"P6\n(\d+) (\d+)\n255\n")
_SHORTEST_HEADER = len(b"P6\n1 1\n255\n")
_LONGEST_HEADER = len(b"P6\n99999 99999\n255\n")


def picture_batches(
    process: FFmpegProcess, sizes: Sequence[int], batch_frames: int
) -> Iterator[tuple[Frames, ...]]:
    """Cut a stream in which every frame comes once at each size, the sizes in any order.

    A PPM header names its picture's width and height, so frames need no second process to be
    understood and a stream that changes shape is noticed.

    Args:
        process: the ffmpeg that writes them.
        sizes: shorter sides in pixels, distinct.
        batch_frames: most frames in a batch.

    Yields:
        One array `(n, H, W, 3)` for each size, n the same for all.

    Raises:
        VideoError: a picture is too long for its width, or changes shape within the video.
    """
    waiting: dict[int, list[Frames]] = {size: [] for size in sizes}
    shapes: dict[int, tuple[int, ...]] = {}
    full = batch_frames
    while (picture := _read_picture(process)) is not None:
        height, width, _ = picture.shape
        size = min(height, width)
        if size not in waiting or shapes.setdefault(size, picture.shape) != picture.shape:
            raise VideoError("corrupt", "the picture's size changes within the video")
        if max(height, width) >= MAX_ASPECT * size:
            raise VideoError("too_large", f"one side is over {MAX_ASPECT - 1} times the other")
        waiting[size].append(picture)
        frame_bytes = sum(pictures[0].nbytes for pictures in waiting.values() if pictures)
        full = min(full, max(BATCH_BYTES // frame_bytes, 1))
        if all(len(pictures) >= full for pictures in waiting.values()):
            yield _taken(waiting, full)
    rest = min(map(len, waiting.values()))
    if rest:
        yield _taken(waiting, rest)


def _taken(waiting: dict[int, list[Frames]], count: int) -> tuple[Frames, ...]:
    """Move the first pictures of each size out, as one array a size."""
    batch = tuple(np.stack(pictures[:count]) for pictures in waiting.values())
    for pictures in waiting.values():
        del pictures[:count]
    return batch


def _read_picture(process: FFmpegProcess) -> Frames | None:
    """The next whole picture `(H, W, 3)`; None at the stream's end."""
    header = bytearray(_SHORTEST_HEADER)
    count = process.read_into(memoryview(header))
    byte = memoryview(bytearray(1))
    while count and not header.endswith(b"\n255\n") and len(header) < _LONGEST_HEADER:
        count = process.read_into(byte)
        header += byte[:count]
    match = _HEADER.fullmatch(header)
    if match is None:
        if not any(header) or not count:
            return None
        raise VideoError("decoder_crashed", f"unexpected picture header {bytes(header)!r}")
    picture = np.empty((int(match[2]), int(match[1]), 3), dtype=np.uint8)
    return picture if process.read_into(picture.reshape(-1).data) == picture.nbytes else None
