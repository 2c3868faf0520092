"""One decode for twelve views against a pass of ffmpeg for each, and whether codes are equal.

    python benchmarks/decode_once.py [CLIPS]

Cuts real clips into pieces of 4 seconds. Times, in one process: decoding alone (both sizes at once;
then a pass for each view), and the whole work with the built-in tokenizer (all views at once; then
view by view). Prints JSON; run it on an idle machine.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from real_clips import make_clips
from vimpac.datasets import View, paper_views
from vimpac.pipeline.tokenizing import Recipe
from vimpac.pipeline.tokenizing.encoding import Codes, encode_videos
from vimpac.pipeline.video import VideoReader, find_videos, shorter_side
from vimpac.tokenizer import load_tokenizer

FPS, SIZE = 2.0, 128


def decode(clips: Sequence[Path], sizes: tuple[int, ...]) -> float:
    """Seconds to decode all clips at these sizes, all at once."""
    began = time.perf_counter()
    for clip in clips:
        reader = VideoReader(clip, fps=FPS, size=sizes[0], other_sizes=sizes[1:])
        for _ in reader.batches():
            pass
    return time.perf_counter() - began


def encode(folder: Path, views: tuple[View, ...]) -> tuple[float, list[dict[str, Codes]]]:
    """Seconds to decode and encode all clips, and their codes."""
    recipe = Recipe(fps=FPS, size=SIZE, views=views)
    began = time.perf_counter()
    codes = [video.codes for video in encode_videos(find_videos([folder]), TOKENIZER, recipe)]
    return time.perf_counter() - began, codes


def main() -> None:
    """Print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    views = paper_views()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = make_clips(folder, count, seconds=4.0)
        decode(clips, (SIZE,))  # warm up
        once = decode(clips, tuple(dict.fromkeys(shorter_side(view, SIZE) for view in views)))
        apart = sum(decode(clips, (shorter_side(view, SIZE),)) for view in views)
        job_once, together = encode(folder, views)
        jobs = [encode(folder, (view,)) for view in views]
    job_apart = sum(seconds for seconds, _ in jobs)
    equal = all(
        np.array_equal(video[view.name], alone[view.name])
        for view, (_, codes) in zip(views, jobs, strict=True)
        for video, alone in zip(together, codes, strict=True)
    )
    report = {
        "clips": count,
        "views": len(views),
        "decode_once_seconds": once,
        "decode_apart_seconds": apart,
        "decode_ratio": once / apart,
        "job_once_seconds": job_once,
        "job_apart_seconds": job_apart,
        "job_ratio": job_once / job_apart,
        "codes_equal": equal,
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    torch.set_num_threads(1)
    TOKENIZER = load_tokenizer()
    main()
