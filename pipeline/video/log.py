"""What ffmpeg's log says about a video: its geometry, its length, and whether it is damaged."""

import math
import re
from dataclasses import dataclass
from typing import Literal, get_args

Reason = Literal[
    "missing",
    "no_permission",
    "empty",
    "unreadable",
    "no_video_stream",
    "truncated",
    "corrupt",
    "too_large",
    "too_long",
    "timeout",
    "decoder_crashed",
]
REASONS: tuple[Reason, ...] = get_args(Reason)

# Error lines that say nothing about the pictures: bookkeeping of reference frames in streams cut
# without re-encoding (the pictures come out whole), a refused playlist probe, repeated summaries.
_HARMLESS = re.compile(
    r"mmco: unref short failure|co located POCs unavailable|non.monoton\w+ dts|Not detecting m3u8",
    re.IGNORECASE,
)
_BAD_LINE = re.compile(r"^(?P<context>.*?)\[(?:error|fatal|panic)\] (?P<words>.*)$")
# A warning by level, yet the decoder's own verdict on a picture.
_DAMAGED_FRAME = re.compile(r"^.*\[warning\] (?P<words>.*corrupt decoded frame.*)$")
_TELLING: tuple[tuple[re.Pattern[str], Reason], ...] = (
    (re.compile(r"exceeds specified max pixel count"), "too_large"),
    (re.compile(r"moov atom not found|partial file|ended prematurely|truncat"), "truncated"),
)
_FRAME_CHANGE = re.compile(
    r"filter context - w: (\d+) h: (\d+) .*incoming frame - w: (\d+) h: (\d+) "
)
_VIDEO_STREAM = re.compile(
    r"Stream #0:\d+.*?: Video: (?P<codec>\w+).*?, (?P<width>\d+)x(?P<height>\d+)"
    r"(?:,? \[?SAR (?P<sar>\d+:\d+) DAR \d+:\d+\]?)?(?P<rest>[^\n]*)"
)
_OTHER_STREAM = re.compile(r"Stream #0:\d+.*?: (?:Audio|Subtitle): (\w+)(?:[^,(]*\((\w+)\))?")
_INPUT = re.compile(r"Input #0, (?P<container>[\w,]+), from ")
_DURATION = re.compile(r"Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)")
_START = re.compile(r"Duration: [^\n]*?, start: (-?[\d.]+)")
_RATE = re.compile(r" ([\d.]+)(k?) (?:fps|tbr)")
_ROTATION = re.compile(r"rotation of (-?[\d.]+) degrees")


class VideoError(ValueError):
    """A video that cannot be used.

    Attributes:
        reason: why, one of `REASONS`.
        detail: the decoder's own words, one line.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason: Reason = reason
        self.detail = " ".join(detail.split())
        super().__init__(f"{reason}: {self.detail}")

    def __reduce__(self) -> tuple[type["VideoError"], tuple[Reason, str]]:
        return type(self), (self.reason, self.detail)


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What a video file says of itself.

    Attributes:
        width: pixels as displayed, after rotation and with square pixels.
        height: likewise.
        fps: frames per second of the source; None when it does not say (variable rate).
        duration_seconds: as the container states it; None when unknown or only guessed.
        container: the demuxer's name, e.g. `mov,mp4,m4a,3gp,3g2,mj2`.
        codec: the video codec's name, e.g. `h264`.
    """

    width: int
    height: int
    fps: float | None
    duration_seconds: float | None
    container: str
    codec: str


def parse_info(log: str) -> VideoInfo:
    """Read the description ffmpeg writes of its first input's first real video stream.

    Raises:
        VideoError: `no_video_stream` when it lists none (a cover picture is none).
    """
    description = _input_description(log)
    streams = [m for m in _VIDEO_STREAM.finditer(description) if "attached pic" not in m["rest"]]
    container = _INPUT.search(description)
    if not streams or container is None:
        raise VideoError("no_video_stream", "the file has no video stream")
    stream = streams[0]
    width, height = _displayed_size(stream, description)
    return VideoInfo(
        width=width,
        height=height,
        fps=_frame_rate(stream["rest"]),
        duration_seconds=_duration(description, log),
        container=container["container"],
        codec=stream["codec"],
    )


def start_seconds(log: str) -> float:
    """Time stamp at which the container says its first stream begins, in seconds."""
    match = _START.search(log)
    return float(match[1]) if match else 0.0


def error_lines(log: str) -> list[str]:
    """The words of every line that counts as an error of the video, in order.

    Counted are lines at level error or worse, and the warning `corrupt decoded frame`. Not
    counted are lines of another stream's codec (sound is opened while probing, never used) and
    those known to leave the pictures whole.
    """
    others = {name for pair in _OTHER_STREAM.findall(_input_description(log)) for name in pair}
    found = []
    for line in log.splitlines():
        match = _BAD_LINE.match(line) or _DAMAGED_FRAME.match(line)
        if match is None or _HARMLESS.search(line):
            continue
        component = re.match(r"\[(\w+) @", line)
        if component is None or component[1] not in others:
            found.append(match["words"].strip())
    return found


def failure(log: str, *, returncode: int, frames: int) -> VideoError | None:
    """The error a finished run amounts to, or None when it wrote none."""
    for change in _FRAME_CHANGE.findall(log):
        width, height, new_width, new_height = map(int, change)
        if width * new_height != height * new_width:  # would be squeezed into the first shape
            detail = f"the picture changes from {width} x {height} to {new_width} x {new_height}"
            return VideoError("corrupt", detail)
    errors = error_lines(log)
    if not errors and returncode == 0:
        return None
    if returncode < 0:
        return VideoError("decoder_crashed", f"ffmpeg was ended by signal {-returncode}")
    if "matches no streams" in log:
        return VideoError("no_video_stream", "the file has no video stream")
    if frames == 0 and ("misdetection possible" in log or "not on whitelist" in log):
        return VideoError("unreadable", f"not a video container ({errors[0] if errors else ''})")
    detail = errors[0] if errors else f"ffmpeg ended with status {returncode}"
    for telling, reason in _TELLING:
        for line in filter(telling.search, errors):
            return VideoError(reason, line)
    return VideoError("corrupt" if frames else "unreadable", detail)


def _input_description(log: str) -> str:
    begin = log.find("Input #0")
    end = re.search(r"Output #0|Stream mapping:", log[begin:]) if begin >= 0 else None
    return log[begin : begin + end.start() if end else None] if begin >= 0 else ""


def _displayed_size(stream: re.Match[str], description: str) -> tuple[int, int]:
    width, height = float(stream["width"]), int(stream["height"])
    if stream["sar"]:
        above, below = map(int, stream["sar"].split(":"))
        width *= above / below if above and below else 1.0
    following = description[stream.end() :].split("Stream #0:", 1)[0]
    rotation = _ROTATION.search(following)
    if rotation and math.isclose(abs(math.sin(math.radians(float(rotation[1])))), 1.0):
        return height, round(width)
    return round(width), height


def _frame_rate(text: str) -> float | None:
    match = _RATE.search(text)
    return float(match[1]) * (1000 if match[2] else 1) if match else None


def _duration(description: str, log: str) -> float | None:
    match = _DURATION.search(description)
    if match is None or "Estimating duration from bitrate" in log:
        return None
    hours, minutes, seconds = match.groups()
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
