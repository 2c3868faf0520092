"""One decode for twelve views against a pass of ffmpeg for each, and whether codes are equal.

    python benchmarks/decode_once.py [CLIPS]

Cuts real clips into pieces of 4 seconds. Times decoding alone in one process (both sizes at once;
then a pass for each view), and the whole work with the built-in tokenizer on all cores, a process
each (all views of a clip at once; then view by view). Prints JSON; run it on an idle machine.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.pool import Pool
from pathlib import Path

import numpy as np
import torch
from real_clips import make_clips
from vimpac.datasets import View, paper_views
from vimpac.pipeline.tokenizing import Recipe, encode_video
from vimpac.pipeline.tokenizing.encoding import Codes
from vimpac.pipeline.tokenizing.machine import cores
from vimpac.pipeline.video import VideoReader, shorter_side
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


def start() -> None:
    """Prepare a process that encodes: one thread, the tokenizer loaded and warm."""
    global tokenizer
    torch.set_num_threads(1)
    tokenizer = load_tokenizer()
    tokenizer.encode(torch.zeros(2, 3, SIZE, SIZE, dtype=torch.uint8))


def encode(task: tuple[Path, tuple[View, ...]]) -> dict[str, Codes]:
    """Decode a clip and encode some views of it."""
    clip, views = task
    return encode_video(clip, tokenizer, Recipe(fps=FPS, size=SIZE, views=views))[0]


def timed(
    pool: Pool, tasks: Sequence[tuple[Path, tuple[View, ...]]]
) -> tuple[float, list[dict[str, Codes]]]:
    """Seconds to encode all tasks on a pool, and their codes."""
    began = time.perf_counter()
    codes = pool.map(encode, tasks, chunksize=1)
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
        with get_context("spawn").Pool(cores(), start) as pool:
            pool.map(encode, [(clip, views[:1]) for clip in clips[:4]], chunksize=1)  # start all
            job_once, together = timed(pool, [(clip, views) for clip in clips])
            job_apart, single = timed(pool, [(c, (view,)) for c in clips for view in views])
    merged = [single[n : n + len(views)] for n in range(0, len(single), len(views))]
    equal = all(
        np.array_equal(codes, together[clip][view])
        for clip, alone in enumerate(merged)
        for part in alone
        for view, codes in part.items()
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
    main()
