"""Kill a pre-training run again and again, and compare what it ends with to an undisturbed run's.

    python benchmarks/kill_and_resume.py [--kills 20] [--steps 200] [--ranks 1]

A small random store is written; one run goes through, another is killed with SIGKILL `--kills`
times, at random moments, and gone on with by `--resume`. With `--ranks 2` both run under torchrun,
and it is one of the two ranks that is killed. Prints JSON; exits with 1 unless the final weights
are the same to the bit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from vimpac.datasets import (
    PlanItem,
    ShardWriter,
    SourceInfo,
    StoreIdentity,
    TokenizerIdentity,
    commit_shard,
    create_store,
    make_plan,
)
from vimpac.trainer import Run


def write_store(path: Path, videos: int = 64, side: int = 8, vocabulary: int = 64) -> None:
    """Random codes, 12 frames of `side` x `side` a video."""
    identity = StoreIdentity(
        tokenizer=TokenizerIdentity(
            name="random", fingerprint="0" * 64, vocabulary=vocabulary, compression=8
        ),
        fps=2.0,
        size=8 * side,
        grids=((side, side),),
    )
    keys = [f"{number:03d}" for number in range(videos)]
    plan = make_plan([PlanItem(key=key, source=key) for key in keys], videos)
    create_store(path, identity, plan)
    rng = np.random.default_rng(0)
    with ShardWriter(path, 0) as writer:
        for item in plan.shards[0]:
            writer.add(item.key, rng.integers(0, vocabulary, (12, side, side)), SourceInfo())
        written = writer.finish()
    commit_shard(path, 0, written)


def command(store: Path, out: Path, steps: int, ranks: int) -> list[str]:
    """A run that goes on with itself."""
    words = ["-m", "vimpac.pipeline.cli", "pretrain", str(store), "--out", str(out), "--resume"]
    words += ["--preset", "debug", "--batch-size", "4", "--steps", str(steps), "--device", "cpu"]
    words += ["--checkpoint-every", "10"]
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", str(ranks), "--standalone"]
    return [sys.executable, *(launcher if ranks > 1 else []), *words]


def steps_logged(run: Path) -> int:
    """Lines the run has logged."""
    metrics = run / "metrics.jsonl"
    return len(metrics.read_bytes().splitlines()) if metrics.exists() else 0


def rank_processes(job: int) -> list[int]:
    """Process numbers of the ranks below a launcher, or of the run itself."""
    children = Path(f"/proc/{job}/task/{job}/children").read_text().split()
    return [int(child) for child in children] or [job]


def kill_once(words: list[str], run: Path, ranks: int, lines: int, rng: random.Random) -> bool:
    """Start the run, kill it (one rank of it) when it has logged some lines; if it still ran."""
    job = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while job.poll() is None and steps_logged(run) < lines:
        time.sleep(rng.uniform(0, 0.01))
    alive = job.poll() is None
    if alive:
        victim = rng.choice(rank_processes(job.pid)) if ranks > 1 else job.pid
        os.kill(victim, signal.SIGKILL)
    job.wait(timeout=120)
    return alive


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--ranks", type=int, default=1)
    arguments = parser.parse_args()
    folder, rng = Path(tempfile.mkdtemp()), random.Random(0)
    store, whole, killed = folder / "tokens", folder / "whole", folder / "killed"
    write_store(store)
    shape = (arguments.steps, arguments.ranks)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
    subprocess.run(command(store, whole, *shape), **quiet)
    words = command(store, killed, *shape)
    most = steps_logged(whole)
    moments = sorted(rng.sample(range(1, most), arguments.kills))
    hits = [kill_once(words, killed, arguments.ranks, lines, rng) for lines in moments]
    subprocess.run(words, **quiet)
    files = [Run(run).latest / "model.safetensors" for run in (whole, killed)]
    same = files[0].read_bytes() == files[1].read_bytes()
    shutil.rmtree(folder)
    result = {"killed_while_running": sum(hits), "of_lines": most, "killed_at_lines": moments}
    result["bit_identical"] = same
    print(json.dumps({**vars(arguments), **result}))
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
