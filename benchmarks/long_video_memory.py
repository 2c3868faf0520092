"""Peak memory of tokenizing a two-hour video against a ten-second one.

    python benchmarks/long_video_memory.py [HOURS]

The long video is a real clip looped without encoding it again. Both are tokenized by one worker
process; the peak is the sum over our processes and ffmpeg, sampled. Prints JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from real_clips import cut
from vimpac.pipeline.demo_media import real_clips


def tree_memory(root: int) -> int:
    """Bytes of memory that a process and all below it hold alone or share (PSS)."""
    total, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += sum(1024 * int(line.split()[1]) for line in lines if line[:4] == "Pss:")
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except OSError:  # it has just ended
            continue
    return total


def peak(video: Path, out: Path) -> dict[str, float]:
    """Largest memory seen while a video is tokenized, in MB, and seconds."""
    command = [sys.executable, "-m", "vimpac.pipeline.cli", "tokenize", video, "--out", out]
    began, most = time.monotonic(), 0
    with subprocess.Popen([str(word) for word in command], stderr=subprocess.DEVNULL) as job:
        while job.poll() is None:
            most = max(most, tree_memory(job.pid))
            time.sleep(0.05)
    assert job.returncode == 0
    return {"peak_mb": most / 1e6, "seconds": time.monotonic() - began}


def main() -> None:
    """Print the figures."""
    hours = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    clip = real_clips()[0]  # 10 seconds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        loops = round(hours * 360) - 1
        cut("-stream_loop", loops, "-i", clip, "-c", "copy", folder / "long.mp4")
        short = peak(clip, folder / "short_tokens")
        long = peak(folder / "long.mp4", folder / "long_tokens")
    grown = long["peak_mb"] - short["peak_mb"]
    report = {"hours": hours, "ten_seconds": short, "long": long, "grown_mb": grown}
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
