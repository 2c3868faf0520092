"""How well decoding and encoding overlap: a whole job against each of its parts alone.

    python benchmarks/overlap.py [CLIPS]

Cuts real clips into pieces of 5 seconds. Times, each on all cores with as many processes: decoding
alone, encoding alone (the frames are in memory), and `vimpac tokenize`, start to end, with its
processes' CPU seconds. Prints JSON; run it on an idle machine.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from real_clips import make_clips
from vimpac.datasets import View
from vimpac.pipeline.tokenizing import as_pixels
from vimpac.pipeline.tokenizing.machine import cores
from vimpac.pipeline.video import VideoReader, crop
from vimpac.tokenizer import load_tokenizer

FPS, SIZE = 8.0, 128


def frames_of(clip: Path) -> np.ndarray:
    """The centre crops of a clip."""
    reader = VideoReader(clip, fps=FPS, size=SIZE)
    return np.concatenate([crop(batch, View(), SIZE) for batch in reader.frames()])


def start(folder: Path) -> None:
    """Prepare a process: one thread, the tokenizer, and the frames to encode."""
    global tokenizer, frames
    torch.set_num_threads(1)
    tokenizer = load_tokenizer()
    frames = frames_of(min(folder.iterdir()))
    tokenizer.encode(as_pixels(frames[:4]))


def decode_alone(clip: Path) -> int:
    """Decode a clip; its number of frames."""
    return len(frames_of(clip))


def encode_alone(count: int) -> int:
    """Encode as many frames as a clip has, from memory."""
    tokenizer.encode(as_pixels(np.resize(frames, (count, *frames.shape[1:]))))
    return count


def timed(run: Callable[[], list[int]]) -> tuple[float, list[int]]:
    """Seconds a call took, and its result."""
    began = time.perf_counter()
    result = run()
    return time.perf_counter() - began, result


def cpu_seconds() -> float:
    """CPU seconds of child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "videos"
        clips = make_clips(folder, count, seconds=5.0)
        with get_context("spawn").Pool(cores(), start, (folder,)) as pool:
            decoding, lengths = timed(lambda: pool.map(decode_alone, clips, chunksize=1))
            encoding, _ = timed(lambda: pool.map(encode_alone, lengths, chunksize=1))
            pool.close()
            pool.join()
        command = [sys.executable, "-m", "vimpac.pipeline.cli", "tokenize", folder]
        command += ["--out", f"{name}/tokens", "--fps", FPS, "--size", SIZE, "--json"]
        before, began = cpu_seconds(), time.perf_counter()
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True)
        wall, cpu = time.perf_counter() - began, cpu_seconds() - before
    bound = max(decoding, encoding, cpu / cores())
    report = {
        "clips": count,
        "cores": cores(),
        "frames": sum(lengths),
        "decode_alone_seconds": decoding,
        "encode_alone_seconds": encoding,
        "cpu_seconds": cpu,
        "wall_seconds": wall,
        "wall_without_start_seconds": json.loads(done.stdout)["seconds"],
        "wall_over_bound": wall / bound,
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
