"""Whether a streaming loader's memory stays flat.

    python benchmarks/loader_memory.py STORE [--epochs 20] [--workers 4] [--batch 256]

Runs so many epochs of pre-training batches (two clips of 5 frames) and samples, at every tenth
step, the memory of this process and its workers: proportional set size, so that pages they share
count once. Prints JSON: the peak of each epoch in megabytes, and the last over the first (the
first epoch is counted from its second half on, when workers are up).
"""

import argparse
import json
import os
import time
from pathlib import Path

from vimpac.datasets import ClipLoader, RandomClips, TokenStore


def memory() -> float:
    """Megabytes of this process and its children."""
    family = [os.getpid()]
    for process in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(process.read_text().rsplit(")", 1)[1].split()[1]) == os.getpid():
                family.append(int(process.parent.name))
        except OSError:
            pass
    total = 0
    for process in family:
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += int(next(line for line in lines if line.startswith("Pss:")).split()[1])
    return total / 1024


def main() -> None:
    """Iterate and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--batch", type=int, default=256)
    given = parser.parse_args()
    store = TokenStore.open(given.store)
    clips = RandomClips(store, frames=5, stride=1, seed=0)
    steps = len(store) // given.batch
    loader = ClipLoader(
        clips, batch_size=given.batch, steps=steps * given.epochs, workers=given.workers
    )
    peaks, begin = [0.0] * given.epochs, time.perf_counter()
    for step, _ in enumerate(loader):
        if step % 10 == 0 and step >= steps // 2:
            epoch = step // steps
            peaks[epoch] = max(peaks[epoch], memory())
    seconds = time.perf_counter() - begin
    print(
        json.dumps(
            {
                "videos": len(store),
                "workers": given.workers,
                "peak_megabytes": [round(peak, 1) for peak in peaks],
                "last_over_first": peaks[-1] / peaks[0],
                "largest_over_first": max(peaks) / peaks[0],
                "videos_a_second": steps * given.epochs * given.batch / seconds,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
