"""Read video: one ffmpeg a file, frames at a constant rate, streamed, whole or refused.

A file is opened as a plain local file whatever its name or its content claims: `file:` and an
absolute path, no other protocol, and only demuxers of real containers (playlists, `concat`
scripts and image sequences can name other files, so they are not among them).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np
import numpy.typing as npt

from .ffmpeg import FFmpegProcess, FFmpegTimeout, compile_command
from .log import VideoError, VideoInfo, failure, parse_info, start_seconds

__all__ = [
    "Frames",
    "ReadLimits",
    "VideoError",
    "VideoInfo",
    "VideoReader",
    "center_crop",
    "probe",
]

Frames = npt.NDArray[np.uint8]

CONTAINERS = "mov,matroska,webm,avi,mpeg,mpegts,mpegvideo,flv,ogg,asf,gif"
# Their stated length runs from time stamp 0, not from the first stream's start.
_COUNTS_FROM_ZERO = ("matroska", "flv")
_MAX_ASPECT = 16
_HEADER_END = b"\n255\n"
_INPUT = "file:INPUT"
# In `framecrc` text: `#tb 1: 1/44100` once a stream, `1, dts, pts, duration, size, crc` a packet.
_TIME_BASE = re.compile(r"^#tb (\d+): (\d+)/(\d+)$", re.MULTILINE)
_PACKET = re.compile(r"^(\d+), +-?\d+, +(-?\d+), +(\d+), ", re.MULTILINE)
_HEADER = re.compile(rb"P6\n(\d+) (\d+)\n255\n")


@dataclass(frozen=True, kw_only=True)
class ReadLimits:
    """Bounds a video is read within.

    Attributes:
        timeout: seconds ffmpeg may go without delivering anything; time spent by the caller
            between batches does not count.
        max_pixels: largest coded picture, width x height.
        max_seconds: longest video; a broken time stamp can claim years.
        threads: decoder threads a video.
    """

    timeout: float = 60.0
    max_pixels: int = 8192 * 8192
    max_seconds: float = 12 * 3600.0
    threads: int = 1


def probe(path: Path, *, limits: ReadLimits | None = None) -> VideoInfo:
    """What a video file says of itself, without decoding it.

    Raises:
        VideoError: it is no video, has no video stream, or cannot be opened.
    """
    limits = limits or ReadLimits()
    stream = _open(path, limits).output("pipe:", map="0:V:0", c="copy", t=0, format="null")
    log, _ = _drain(path, stream, limits)
    return parse_info(log)


class VideoReader:
    """One pass over a video's frames at a constant rate, the shorter side resized to `size`.

    Frame k is the source frame on screen k / fps seconds after the video's first frame. Times
    are compared with a grace of 0.75 ms, as many containers round time stamps to milliseconds.
    There are ceil(fps x length) frames; a source slower than `fps` has frames repeated.

    The whole picture is kept: rotation and pixel aspect are applied, the shorter side becomes
    exactly `size` and the longer side the nearest integer (`center_crop` cuts the square).

    Args:
        path: a local file.
        fps: frames per second of the output.
        size: pixels of the shorter side.
        batch_frames: frames in a batch; the last one may be shorter.
        limits: bounds to read within.
    """

    def __init__(
        self,
        path: Path,
        *,
        fps: float,
        size: int,
        batch_frames: int = 64,
        limits: ReadLimits | None = None,
    ) -> None:
        if fps <= 0 or size < 1 or batch_frames < 1:
            raise ValueError(
                f"fps, size and batch_frames must be positive, got {fps}, {size}, {batch_frames}"
            )
        self.path = Path(path)
        self.fps = fps
        self.size = size
        self.batch_frames = batch_frames
        self.limits = limits or ReadLimits()
        self._info: VideoInfo | None = None

    @property
    def info(self) -> VideoInfo:
        """What the file says of itself; known once `frames` has come to its end."""
        if self._info is None:
            raise RuntimeError("a video's info is known after its last frame: use probe() before")
        return self._info

    def frames(self) -> Iterator[Frames]:
        """Decode the video, streaming: memory does not grow with its length.

        Closing the iterator ends ffmpeg at once.

        Yields:
            uint8 RGB arrays `(n, H, W, 3)`, 1 <= n <= batch_frames, H and W the same throughout.

        Raises:
            VideoError: while reading or after the last batch. Batches already yielded then belong
                to a video that is not whole: discard them. A video is whole when its decoder
                wrote no error and its frames reach the length its container states.
        """
        stream = _resampled(_open(self.path, self.limits), fps=self.fps, size=self.size)
        count = 0
        with FFmpegProcess(_command(stream, self.path), timeout=self.limits.timeout) as process:
            try:
                for frames in _batches(process, self.batch_frames, _MAX_ASPECT * self.size):
                    count += len(frames)
                    self._check_not_endless(count)
                    yield frames
                ended = process.finish()
            except FFmpegTimeout:
                raise _timed_out(self.limits) from None
        log = _without_name(ended.log, self.path)
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


def center_crop(frames: Frames, size: int) -> Frames:
    """The centre square of `(n, H, W, 3)` frames as a view `(n, size, size, 3)`.

    Raises:
        ValueError: the frames are smaller than `size`.
    """
    height, width = frames.shape[1:3]
    if min(height, width) < size:
        raise ValueError(f"cannot crop {size} x {size} from frames of {width} x {height}")
    top, left = (height - size) // 2, (width - size) // 2
    return frames[:, top : top + size, left : left + size]


def _open(path: Path, limits: ReadLimits) -> Any:
    """The ffmpeg-python input node of a local file, nothing else reachable from it."""
    if not path.is_file():
        raise VideoError("unreadable", f"not a file: {path}")
    if path.stat().st_size == 0:
        raise VideoError("empty", "the file has no bytes")
    return ffmpeg.input(
        _INPUT,
        protocol_whitelist="file,pipe",
        format_whitelist=CONTAINERS,
        max_pixels=limits.max_pixels,
        threads=limits.threads,
        reinit_filter=0,  # a change within the stream must not set the filters' clock back to 0
    )


def _url(path: Path) -> str:
    return f"file:{path.absolute()}"


def _command(stream: Any, path: Path) -> list[str]:
    """Arguments with the file's name put in last: ffmpeg-python takes no name that is not UTF-8."""
    return [_url(path) if part == _INPUT else part for part in compile_command(stream)]


def _without_name(log: str, path: Path) -> str:
    """The log with the file's name replaced: a name may hold anything, newlines included."""
    return log.replace(_url(path), "INPUT").replace(str(path.absolute()), "INPUT")


def _resampled(source: Any, *, fps: float, size: int) -> Any:
    """The filters from source frames to sized RGB frames, each with its own PPM header.

    `round=up` shows a frame from the first output time at or after its own; the 750 microseconds
    taken off every time stamp are the grace `VideoReader` describes.
    """
    longest = _MAX_ASPECT * size
    wide, high = f"min(round({size}*dar),{longest})", f"min(round({size}/dar),{longest})"
    return (
        source["V:0"]
        .filter("settb", "AVTB")
        .filter("setpts", "PTS-STARTPTS-750")
        .filter("fps", fps=fps, round="up")
        .filter(
            "scale",
            w=f"if(lt(dar,1),{size},{wide})",
            h=f"if(lt(dar,1),{high},{size})",
            flags="bicubic+accurate_rnd+full_chroma_int+bitexact",
        )
        .filter("format", pix_fmts="rgb24")
        .output("pipe:", format="image2pipe", vcodec="ppm", threads=1)
        .global_args("-filter_complex_threads", "1")
    )


def _batches(process: FFmpegProcess, batch_frames: int, longest: int) -> Iterator[Frames]:
    """Cut ffmpeg's stream of PPM pictures into batches of frames.

    A PPM header names its picture's size, so frames need no second process to be understood and a
    stream that changes size is noticed.
    """
    header = _read_header(process)
    if header is None:
        return
    match = _HEADER.fullmatch(header)
    if match is None:
        raise VideoError("decoder_crashed", f"unexpected picture header {header!r}")
    width, height = int(match[1]), int(match[2])
    if max(width, height) >= longest:
        raise VideoError("too_large", f"one side is over {_MAX_ASPECT - 1} times the other")
    stride = len(header) + 3 * width * height
    carried = header  # the first header is already read
    while True:
        buffer = np.empty((batch_frames, stride), dtype=np.uint8)
        flat = buffer.reshape(-1).data
        flat[: len(carried)] = carried
        filled = len(carried) + process.read_into(flat[len(carried) :])
        carried = b""
        pictures = buffer[: filled // stride]
        if np.any(pictures[:, : len(header)] != np.frombuffer(header, dtype=np.uint8)):
            raise VideoError("corrupt", "the picture's size changes within the video")
        if len(pictures):
            yield pictures[:, len(header) :].reshape(-1, height, width, 3)
        if filled < len(flat):
            return


def _read_header(process: FFmpegProcess) -> bytes | None:
    header = bytearray()
    byte = memoryview(bytearray(1))
    while not header.endswith(_HEADER_END) and len(header) < 32:
        if process.read_into(byte) == 0:
            return None
        header += byte
    return bytes(header)


def _end_of_sound(path: Path, limits: ReadLimits) -> float:
    """Seconds at which the last sound packet ends, read without decoding; 0 without sound."""
    stream = _open(path, limits).output("pipe:", map="0:a", c="copy", format="framecrc")
    try:
        _, packets = _drain(path, stream, limits)
    except VideoError:
        return 0.0
    ticks = {n: int(a) / int(b) for n, a, b in _TIME_BASE.findall(packets)}
    ends = [ticks[n] * (int(pts) + int(length)) for n, pts, length in _PACKET.findall(packets)]
    return max(ends, default=0.0)


def _drain(path: Path, stream: Any, limits: ReadLimits) -> tuple[str, str]:
    """Run a command to its end; its log, and the first and last kilobytes of what it wrote.

    Raises:
        VideoError: it failed.
    """
    with FFmpegProcess(_command(stream, path), timeout=limits.timeout) as process:
        first, last = b"", b""
        chunk = memoryview(bytearray(4096))
        try:
            while count := process.read_into(chunk):
                last = (last + bytes(chunk[:count]))[-len(chunk) :] if first else b""
                first = first or bytes(chunk[:count])
            ended = process.finish()
        except FFmpegTimeout:
            raise _timed_out(limits) from None
    log = _without_name(ended.log, path)
    error = failure(log, returncode=ended.returncode, frames=0)
    if error is not None:
        raise error
    return log, (first + b"\n" + last).decode("ascii", "replace")


def _timed_out(limits: ReadLimits) -> VideoError:
    return VideoError("timeout", f"ffmpeg delivered nothing for {limits.timeout:g} seconds")
