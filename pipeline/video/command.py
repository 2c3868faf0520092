"""What ffmpeg is told: a file opened as a plain local file, its frames resampled and resized.

A file is a plain local file whatever its name or its content claims: `file:` and an absolute
path, no other protocol, and only demuxers of real containers (playlists, `concat` scripts and
image sequences can name other files, so they are not among them).
"""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ffmpeg

from .ffmpeg import FFmpegProcess, FFmpegTimeout, compile_command
from .log import VideoError, failure

CONTAINERS = "mov,matroska,webm,avi,mpeg,mpegts,mpegvideo,flv,ogg,asf,gif"
MAX_ASPECT = 16
_INPUT = "file:INPUT"


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


def open_video(path: Path, limits: ReadLimits) -> Any:
    """The ffmpeg-python input node of a local file, nothing else reachable from it.

    Raises:
        VideoError: there is no such file, it holds nothing, or it may not be read.
    """
    try:
        status = path.stat()  # before opening: to open a FIFO would wait for its writer
        if not stat.S_ISREG(status.st_mode):
            raise VideoError("unreadable", "not a regular file")
        with path.open("rb"):
            pass
    except FileNotFoundError:
        raise VideoError("missing", "no such file") from None
    except PermissionError:
        raise VideoError("no_permission", "the file may not be read") from None
    except OSError as error:
        raise VideoError("unreadable", os.strerror(error.errno or 0)) from None
    if status.st_size == 0:
        raise VideoError("empty", "the file has no bytes")
    return ffmpeg.input(
        _INPUT,
        protocol_whitelist="file,pipe",
        format_whitelist=CONTAINERS,
        max_pixels=limits.max_pixels,
        threads=limits.threads,
        reinit_filter=0,  # a change within the stream must not set the filters' clock back to 0
    )


def resampled(source: Any, *, fps: float, sizes: Sequence[int]) -> Any:
    """The filters from source frames to RGB frames of each size, each with its own PPM header.

    All sizes are made from one decoded frame and written to one pipe; a picture's shorter side
    tells its size. `round=up` shows a frame from the first output time at or after its own; the
    750 microseconds taken off every time stamp are the grace `VideoReader` describes.
    """
    frames = (
        source["V:0"]
        .filter("settb", "AVTB")
        .filter("setpts", "PTS-STARTPTS-750")
        .filter("fps", fps=fps, round="up")
    )
    if len(sizes) == 1:
        pictures = [_resized(frames, sizes[0])]
    else:
        copies = frames.filter_multi_output("split", len(sizes))
        pictures = [_resized(copies[place], size) for place, size in enumerate(sizes)]
    return ffmpeg.output(
        *pictures, "pipe:", format="image2pipe", vcodec="ppm", threads=1
    ).global_args("-filter_complex_threads", "1")


def _resized(frames: Any, size: int) -> Any:
    longest = MAX_ASPECT * size
    wide, high = f"min(round({size}*dar),{longest})", f"min(round({size}/dar),{longest})"
    return frames.filter(
        "scale",
        w=f"if(lt(dar,1),{size},{wide})",
        h=f"if(lt(dar,1),{high},{size})",
        flags="bicubic+accurate_rnd+full_chroma_int+bitexact",
    ).filter("format", pix_fmts="rgb24")


def video_command(stream: Any, path: Path) -> list[str]:
    """Arguments with the file's name put in last: ffmpeg-python takes no name that is not UTF-8."""
    return [_url(path) if part == _INPUT else part for part in compile_command(stream)]


def without_name(log: str, path: Path) -> str:
    """The log with the file's name replaced: a name may hold anything, newlines included."""
    return log.replace(_url(path), "INPUT").replace(str(path.absolute()), "INPUT")


def run_through(path: Path, stream: Any, limits: ReadLimits) -> tuple[str, str]:
    """Run a command to its end; its log, and the first and last kilobytes of what it wrote.

    Raises:
        VideoError: it failed.
    """
    with FFmpegProcess(video_command(stream, path), timeout=limits.timeout) as process:
        first, last = b"", b""
        chunk = memoryview(bytearray(4096))
        try:
            while count := process.read_into(chunk):
                last = (last + bytes(chunk[:count]))[-len(chunk) :] if first else b""
                first = first or bytes(chunk[:count])
            ended = process.finish()
        except FFmpegTimeout:
            raise timed_out(limits) from None
    log = without_name(ended.log, path)
    error = failure(log, returncode=ended.returncode, frames=0)
    if error is not None:
        raise error
    return log, (first + b"\n" + last).decode("ascii", "replace")


def timed_out(limits: ReadLimits) -> VideoError:
    """The failure of an ffmpeg that stands still."""
    return VideoError("timeout", f"ffmpeg delivered nothing for {limits.timeout:g} seconds")


def _url(path: Path) -> str:
    return f"file:{path.absolute()}"
