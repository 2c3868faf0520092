"""What opening a store costs, from ten videos to a million.

    python benchmarks/store_index.py [VIDEOS ...]

Makes stores of commit records alone (keys of 11 letters, 2048 videos a shard), builds their
indexes (told as `build_seconds`, once a change of the store), then opens each in a fresh process:
seconds, and megabytes of peak resident memory beyond those of the imported library, for the
opening itself and with a key looked up and the last video's key and length read. Prints JSON.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from store_synthetic import IDENTITY, VIDEOS_A_SHARD, VOCABULARY
from vimpac.datasets import CommitRecord, PlanItem, create_store, make_plan
from vimpac.datasets.format.commit import pack_used, write_commit
from vimpac.datasets.format.index import load_index

OPEN = """
import sys, time
from vimpac.datasets import TokenStore
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
before, begin = peak(), time.perf_counter()
store = TokenStore.open(sys.argv[1])
opened = time.perf_counter() - begin
last = store.keys[-1]
assert store.index_of(last) == len(store) - 1 and store.frames[-1] == 44
print(opened, time.perf_counter() - begin, peak() - before, before)
"""


def build(path: Path, videos: int) -> float:
    """Make a store of commit records without shards; seconds that building the index takes."""
    keys = [hashlib.sha256(str(number).encode()).hexdigest()[:11] for number in range(videos)]
    # The plan is not read to open a store: it stays small, as this is about the index.
    plan = make_plan([PlanItem(key=key, source=f"{key}.mp4") for key in keys[:1]], 1)
    create_store(path, IDENTITY, plan)
    for shard, first in enumerate(range(0, videos, VIDEOS_A_SHARD)):
        part = tuple(keys[first : first + VIDEOS_A_SHARD])
        record = CommitRecord(
            shard=shard,
            plan=plan.hash,
            identity=IDENTITY.hash,
            keys=part,
            frames=(44,) * len(part),
            digests=tuple(hashlib.sha256(key.encode()).hexdigest() for key in part),
            failures=(),
            files={},
            codes_used=pack_used(np.ones(VOCABULARY, np.bool_)),
        )
        write_commit(path, record)
    begin = time.perf_counter()
    load_index(path)
    return time.perf_counter() - begin


def main() -> None:
    """Build, open, tell."""
    figures = []
    for videos in [int(given) for given in sys.argv[1:]] or [10, 10_000, 1_000_000]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "tokens"
            seconds = build(path, videos)
            command = [sys.executable, "-c", OPEN, str(path)]
            runs = [subprocess.run(command, capture_output=True, text=True) for _ in range(3)]
            rows = np.array([[float(word) for word in run.stdout.split()] for run in runs])
            opened, used, megabytes, before = np.median(rows, axis=0)
            figures.append(
                {
                    "videos": videos,
                    "open_seconds": opened,
                    "open_and_find_seconds": used,
                    "megabytes": megabytes,
                    "megabytes_of_the_imported_library": before,
                    "index_megabytes": (path / "index.safetensors").stat().st_size / 2**20,
                    "build_seconds": seconds,
                }
            )
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
