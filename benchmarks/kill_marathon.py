"""Kill a tokenize job at random moments, run it again each time, and compare with a calm run.

    python benchmarks/kill_marathon.py local|ray|parts [--format zarr] [--kills 50] [--clips 60]

`local`: the whole job is killed with SIGKILL and the same command run again, as often as asked.
`parts`: the same with three `--shard i/3` runs at once, all killed together.
`ray`: one run with two Ray actors, of which one is killed again and again while it works.
At the end the command runs undisturbed; the store's bytes must be those of a run that nobody
disturbed. Moments are drawn from a seed. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from real_clips import make_clips

Job = subprocess.Popen[bytes]

STARTING, WRITING = 6.0, 1.0
"""Seconds within which a job is killed, from its start, or from its first unfinished shard."""


def start(folder: Path, out: Path, *options: object) -> Job:
    """Start `vimpac tokenize` as the leader of a group of its own."""
    words = [sys.executable, "-m", "vimpac.pipeline.cli", "tokenize", folder, "--out", out]
    return subprocess.Popen(
        [str(word) for word in (*words, "--videos-per-shard", 2, *options)],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def bytes_below(folder: Path) -> dict[str, bytes]:
    """Every file by its name below a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def commits(out: Path) -> int:
    """Shards committed so far."""
    return len(list((out / "commits").glob("[0-9]*.json")))


def written(out: Path) -> bool:
    """Whether a living process is writing a shard."""
    names = (path.name for path in (out / "shards").glob(".tmp+*"))
    return any(Path(f"/proc/{name.split('+')[-2]}").exists() for name in names)


def kill_jobs(
    folder: Path, out: Path, options: list[list[object]], kills: int, draw: random.Random
) -> dict[str, int]:
    """Start jobs side by side and kill them all at a random moment, again and again.

    One in five moments is counted from the start, the others from when shards are written.
    """
    killed, finished, seen = 0, 0, []
    while killed < kills:
        jobs = [start(folder, out, *words) for words in options]
        if draw.random() < 0.2:
            time.sleep(draw.uniform(0.0, STARTING))
        else:
            while not written(out) and any(job.poll() is None for job in jobs):
                time.sleep(0.01)
            time.sleep(draw.uniform(0.0, WRITING))
        if all(job.poll() is not None for job in jobs):
            finished += 1  # too late: begin a new store
            remove_store(out)
            continue
        for job in jobs:
            # every other time the leader alone dies: its workers have to notice
            (os.killpg if killed % 2 else os.kill)(job.pid, signal.SIGKILL)
            job.wait()
        killed += 1
        seen.append(commits(out))
    return {"kills": killed, "finished_early": finished, "commits_seen": len(set(seen))}


def remove_store(out: Path) -> None:
    """Remove a store, as a new job would begin without it."""
    subprocess.run(["rm", "-rf", str(out)], check=True)


def kill_actors(
    folder: Path, out: Path, options: list[object], kills: int, draw: random.Random
) -> dict[str, int]:
    """Kill Ray's worker processes one by one while they work."""
    job = start(folder, out, *options)
    killed = 0
    while killed < kills and job.poll() is None:
        time.sleep(draw.uniform(0.5, 4.0))
        actors = actors_below(job.pid)
        if actors:
            os.kill(draw.choice(actors), signal.SIGKILL)
            killed += 1
    assert job.wait() == 0
    return {"kills": killed}


def actors_below(root: int) -> list[int]:
    """Processes under a job that call themselves Ray actors of ours."""
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        try:
            if b"ray::Actor" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except OSError:  # it has just ended
            continue
    return found


def main() -> None:
    """Print what was done and whether the bytes are equal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=("local", "ray", "parts"))
    parser.add_argument("--format", default="zarr")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    draw = random.Random(given.seed)
    began = time.monotonic()
    form = ["--format", given.format, "--fps", 8, "--size", 64]
    with tempfile.TemporaryDirectory() as name:
        folder, out, calm = Path(name, "videos"), Path(name, "tokens"), Path(name, "calm")
        make_clips(folder, given.clips, seconds=2.0)
        assert start(folder, calm, *form, "--processes", 1).wait() == 0
        if given.engine == "ray":
            options = [*form, "--engine", "ray", "--processes", 2]
            report = kill_actors(folder, out, options, given.kills, draw)
        else:
            parts = ["0/1"] if given.engine == "local" else ["0/3", "1/3", "2/3"]
            processes = 2 if given.engine == "local" else 1
            jobs = [[*form, "--processes", processes, "--shard", part] for part in parts]
            report = kill_jobs(folder, out, jobs, given.kills, draw)
            assert all(start(folder, out, *words).wait() == 0 for words in jobs)
        equal = bytes_below(out) == bytes_below(calm)
    seconds = round(time.monotonic() - began)
    print(json.dumps({**vars(given), **report, "equal_bytes": equal, "seconds": seconds}))


if __name__ == "__main__":
    main()
