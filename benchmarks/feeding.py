"""Share of a step spent waiting for data, with the fastest consumer; a large vocabulary's cost.

    python benchmarks/feeding.py [--steps 60] [--workers 0 1]

The debug model takes 16 videos a step, two clips of 5 x 16 x 16 tokens each, from a store of random
codes. Then one step with 8,192 and one with 64,000 codes. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import tempfile
import time
from pathlib import Path

from kill_and_resume import write_store
from vimpac.datasets import TokenStore
from vimpac.trainer import (
    LoopConfig,
    PretrainConfig,
    Run,
    model_config,
    pretrain,
    read_metrics,
    recipe_for,
)


def settings(vocabulary: int, steps: int, workers: int) -> PretrainConfig:
    """The debug model's run."""
    return PretrainConfig(
        model=model_config("debug", vocabulary, grid=(16, 16)),
        optimizer=recipe_for("debug").optimizer,
        loop=LoopConfig(steps=steps, log_every=max(steps // 2, 1)),
        batch_size=16,
        workers=workers,
    )


def trained(folder: Path, vocabulary: int, steps: int, workers: int) -> dict[str, float]:
    """The second half of a run's figures, and the process's peak memory so far."""
    store = folder / f"tokens-{vocabulary}"
    if not store.exists():
        write_store(store, side=16, vocabulary=vocabulary)
    run = Run(Path(tempfile.mkdtemp(dir=folder)) / "run")
    start = time.perf_counter()
    pretrain(TokenStore.open(store), run, settings(vocabulary, steps, workers))
    last = read_metrics(run.path / "metrics.jsonl")[-1]
    return {
        "data_wait_share": last["data_wait_share"],
        "videos_per_second": last["videos_per_second"],
        "seconds_in_all": time.perf_counter() - start,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--workers", type=int, nargs="*", default=[0, 1])
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    result: dict[str, dict[str, float]] = {
        f"workers {workers}": trained(folder, 8192, arguments.steps, workers)
        for workers in arguments.workers
    }
    for vocabulary in (8192, 64_000):
        result[f"vocabulary {vocabulary}"] = trained(folder, vocabulary, 10, 0)
    shutil.rmtree(folder)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
