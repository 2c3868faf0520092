"""Whether `verify` finds damage of every kind, in both forms, and names the shard.

    python benchmarks/store_damage.py [--times 500] [--seed 0]

Makes a store of each form in a temporary folder. Each time one file of a shard, or a commit
record, is damaged by the seed: one bit flipped, the end cut off (at a multiple of 512 bytes every
other time) or the file deleted; then the store is verified, and the file put back. Counted as well
is how often every video read as it was stored or not at all: always in Zarr shards, whose chunks
have checksums; a flipped bit in a tar is found by `verify` alone. Prints JSON.
"""

import argparse
import json
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from store_synthetic import IDENTITY
from vimpac.datasets import (
    PlanItem,
    ShardWriter,
    SourceInfo,
    StoreError,
    TokenStore,
    commit_shard,
    create_store,
    make_plan,
    verify,
)

KINDS = ("flip", "truncate", "delete")
VIDEOS, VIDEOS_A_SHARD = 60, 10


def build(path: Path, form: str) -> dict[str, np.ndarray]:
    """A store of six shards; its codes by key."""
    rng = np.random.default_rng(0)
    videos = {f"{i:04d}": rng.integers(0, 8192, (1 + i % 40, 16, 16)) for i in range(VIDEOS)}
    items = [PlanItem(key=key, source=f"{key}.mp4") for key in videos]
    plan = make_plan(items, VIDEOS_A_SHARD)
    create_store(path, IDENTITY, plan, form=form)
    for shard, part in enumerate(plan.shards):
        with ShardWriter(path, shard) as writer:
            for item in part:
                writer.add(item.key, videos[item.key], SourceInfo())
            commit_shard(path, shard, writer.finish())
    return videos


def damage(path: Path, kind: str, rng: random.Random) -> None:
    """Harm one file."""
    content = bytearray(path.read_bytes())
    if kind == "flip":
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
    elif kind == "truncate":
        kept = rng.randrange(len(content))
        path.write_bytes(content[: kept - kept % 512 if rng.random() < 0.5 else kept])
    else:
        path.unlink()


def reads_true(path: Path, videos: dict[str, np.ndarray]) -> bool:
    """Whether no video reads as other codes than were stored."""
    try:
        store = TokenStore.open(path)
    except StoreError:
        return True
    for number, key in enumerate(store.keys):
        try:
            if not np.array_equal(store.codes(number), videos[key]):
                return False
        except StoreError:
            pass
    return True


def main() -> None:
    """Damage stores and count what is found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng, found, wrong, begin = random.Random(given.seed), Counter(), [], time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        stores = {form: Path(folder) / form for form in ("zarr", "webdataset")}
        videos = {form: build(path, form) for form, path in stores.items()}
        for number in range(given.times):
            form, kind = ("zarr", "webdataset")[number % 2], KINDS[number // 2 % 3]
            names = ("shards", "commits")
            files = sorted(p for n in names for p in (stores[form] / n).rglob("*") if p.is_file())
            path = rng.choice(files)
            shard = path.relative_to(stores[form]).parts[1][:6]
            before = path.read_bytes()
            damage(path, kind, rng)
            named = {problem.shard for problem in verify(stores[form]).problems} - {None}
            true = reads_true(stores[form], videos[form])
            path.write_bytes(before)
            found[f"{form} {kind}"] += named == {shard}
            if named != {shard}:
                wrong.append([form, kind, str(path.relative_to(stores[form])), sorted(named)])
            found[f"{form} read true or refused"] += true
    print(
        json.dumps(
            {
                "damaged": given.times,
                "found_and_named": given.times - len(wrong),
                "counts": dict(sorted(found.items())),
                "missed": wrong,
                "seconds": round(time.perf_counter() - begin, 1),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
