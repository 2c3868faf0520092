"""Read video: one ffmpeg a file, frames at a constant rate, streamed, whole or refused."""

import re
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from .command import (
    ReadLimits,
    open_video,
    resampled,
    run_through,
    timed_out,
    video_command,
    without_name,
)
from .ffmpeg import FFmpegProcess, FFmpegTimeout
from .log import VideoError, VideoInfo, failure, parse_info, start_seconds
from .pictures import Frames, picture_batches

# Their stated length runs from time stamp 0, not from the first stream's start.
_COUNTS_FROM_ZERO = ("matroska", "flv")
# In `framecrc` text: `#tb 1: 1/44100` once a stream, `1, dts, pts, duration, size, crc` a packet.
_TIME_BASE = re.compile(r"^#tb (\d+): (\d+)/(\d+)$", re.MULTILINE)
_PACKET = re.compile(r"^(\d+), +-?\d+, +(-?\d+), +(\d+), ", re.MULTILINE)


def probe(path: Path, *, limits: ReadLimits | None = None) -> VideoInfo:
    """What a video file says of itself, without decoding it.

    Raises:
        VideoError: it is no video, has no video stream, or cannot be opened.
    """
    limits = limits or ReadLimits()
    stream = open_video(path, limits).output("pipe:", map="0:V:0", c="copy", t=0, format="null")
    log, _ = run_through(path, stream, limits)
    return parse_info(log)


class VideoReader:
    """One pass over a video's frames at a constant rate, the shorter side resized to `size`.

    Frame k is the source frame on screen k / fps seconds after the video's first frame. Times
    are compared with a grace of 0.75 ms, as many containers round time stamps to milliseconds.
    There are ceil(fps x length) frames; a source slower than `fps` has frames repeated.

    The whole picture is kept: rotation and pixel aspect are applied, the shorter side becomes
    exactly `size` and the longer side the nearest integer (`crop` cuts squares from it).

    Args:
        path: a local file.
        fps: frames per second of the output.
        size: pixels of the shorter side.
        other_sizes: further shorter sides, made from the same decoded frames (see `batches`).
        batch_frames: most frames in a batch.
        limits: bounds to read within.
    """

    def __init__(
        self,
        path: Path,
        *,
        fps: float,
        size: int,
        other_sizes: tuple[int, ...] = (),
        batch_frames: int = 32,
        limits: ReadLimits | None = None,
    ) -> None:
        self.sizes = (size, *other_sizes)
        if fps <= 0 or min(self.sizes) < 1 or batch_frames < 1:
            raise ValueError(
                f"fps, sizes and batch_frames must be positive, got {fps}, {self.sizes}, "
                f"{batch_frames}"
            )
        if len(set(self.sizes)) != len(self.sizes):
            raise ValueError(f"sizes must be distinct, got {self.sizes}")
        self.path = Path(path)
        self.fps = fps
        self.batch_frames = batch_frames
        self.limits = limits or ReadLimits()
        self._info: VideoInfo | None = None

    @property
    def info(self) -> VideoInfo:
        """What the file says of itself; known once all frames have been read."""
        if self._info is None:
            raise RuntimeError("a video's info is known after its last frame: use probe() before")
        return self._info

    def frames(self) -> Generator[Frames, None, None]:
        """Decode the video at `size`: the first array of each of `batches`."""
        with closing(self.batches()) as batches:
            for batch in batches:
                yield batch[0]

    def batches(self) -> Generator[tuple[Frames, ...], None, None]:
        """Decode the video once, streaming: memory does not grow with its length.

        Closing the iterator ends ffmpeg at once.

        Yields:
            One uint8 RGB array `(n, H, W, 3)` for each size, H and W the same throughout,
            1 <= n <= batch_frames. How frames are split into batches is not to be relied on.

        Raises:
            VideoError: while reading or after the last batch. Batches already yielded then belong
                to a video that is not whole: discard them. A video is whole when its decoder
                wrote no error and its frames reach the length its container states.
        """
        source = open_video(self.path, self.limits)
        command = video_command(resampled(source, fps=self.fps, sizes=self.sizes), self.path)
        count = 0
        with FFmpegProcess(command, timeout=self.limits.timeout) as process:
            try:
                for batch in picture_batches(process, self.sizes, self.batch_frames):
                    count += len(batch[0])
                    self._check_not_endless(count)
                    yield batch
                ended = process.finish()
            except FFmpegTimeout:
                raise timed_out(self.limits) from None
        log = without_name(ended.log, self.path)
        error = failure(log, returncode=ended.returncode, frames=count)
        if error is not None:
            raise error
        info = parse_info(log)
        self._check_length(info, log, count)
        self._info = info

    def _check_not_endless(self, count: int) -> None:
        if count > self.limits.max_seconds * self.fps:
            raise VideoError("too_long", f"it is over {self.limits.max_seconds:g} seconds long")

    def _check_length(self, info: VideoInfo, log: str, count: int) -> None:
        """Refuse a video whose frames end before the length its container states.

        The stated length is that of the longest stream and is printed in hundredths of a second;
        players pad sound by some tens of milliseconds, and the last frame's own duration is often
        unknown. So a quarter of a second and two source frames are forgiven. Past that, the file
        is still whole if its sound reaches the stated end: it is just longer than the pictures.

        The last frame shown counts for 1 / fps, so less than that can be missing unseen. More
        frames than stated are no fault.
        """
        if count == 0:
            raise VideoError("empty", "no frame could be decoded")
        stated, end = info.duration_seconds, count / self.fps
        if stated is None:
            return
        tolerance = 0.25 + 2.0 / (info.fps or 10.0)
        if info.container.startswith(_COUNTS_FROM_ZERO):
            stated -= max(start_seconds(log), 0.0)
        needed = stated - tolerance
        if end < needed and _end_of_sound(self.path, self.limits) < needed:
            detail = f"its frames end after {end:.2f} of the stated {stated:.2f} seconds"
            raise VideoError("truncated", detail)


def _end_of_sound(path: Path, limits: ReadLimits) -> float:
    """Seconds at which the last sound packet ends, read without decoding; 0 without sound."""
    stream = open_video(path, limits).output("pipe:", map="0:a", c="copy", format="framecrc")
    try:
        _, packets = run_through(path, stream, limits)
    except VideoError:
        return 0.0
    ticks = {n: int(a) / int(b) for n, a, b in _TIME_BASE.findall(packets)}
    ends = [ticks[n] * (int(pts) + int(length)) for n, pts, length in _PACKET.findall(packets)]
    return max(ends, default=0.0)
