"""Small stores made of random codes."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from vimpac.datasets import (
    Plan,
    PlanItem,
    ShardWriter,
    SourceInfo,
    StoreIdentity,
    TokenizerIdentity,
    VideoFailure,
    commit_shard,
    create_store,
    make_plan,
)

VOCABULARY = 50
FAILED = "clips/07"

Videos = dict[str, NDArray[np.int64]]


def make_identity(**options: object) -> StoreIdentity:
    """An identity of 4 x 4 grids."""
    tokenizer = TokenizerIdentity(
        name="toy", fingerprint="f" * 64, vocabulary=VOCABULARY, compression=8
    )
    values = {"tokenizer": tokenizer, "fps": 2.0, "size": 32} | options
    return StoreIdentity(**values)  # type: ignore[arg-type]


def make_videos(count: int, seed: int = 0) -> Videos:
    """Random videos of 1 to 30 frames, by key."""
    rng = np.random.default_rng(seed)
    return {
        f"clips/{i:02d}": rng.integers(0, VOCABULARY, (int(rng.integers(1, 31)), 4, 4))
        for i in range(count)
    }


def make_full_videos(count: int) -> Videos:
    """Random videos of one of three grids each, by key."""
    rng = np.random.default_rng(1)
    grids = ((4, 6), (7, 4), (4, 4))
    return {
        f"clips/{i:02d}": rng.integers(0, VOCABULARY, (1 + 3 * i, *grids[i * i % 3]))
        for i in range(count)
    }


def plan_for(videos: Videos, videos_per_shard: int = 4) -> Plan:
    """A plan of all videos."""
    items = [PlanItem(key=key, source=f"{key}.mp4") for key in videos]
    return make_plan(items, videos_per_shard)


def write_one(path: Path, plan: Plan, shard: int, videos: Videos) -> None:
    """Write and commit one shard; `FAILED` fails."""
    failures = []
    with ShardWriter(path, shard) as writer:
        for item in plan.shards[shard]:
            if item.key == FAILED:
                failures.append(VideoFailure(key=item.key, reason="decode", detail="bad header"))
                continue
            writer.add(item.key, videos[item.key], SourceInfo(fps=25.0, width=64, height=48))
        commit_shard(path, shard, writer.finish(), failures)


def write_tokenizer(folder: Path) -> None:
    """Stand-in for a tokenizer's files."""
    (folder / "config.json").write_text('{"kind": "toy"}')


def build(
    path: Path, videos: Videos, videos_per_shard: int = 4, form: str = "zarr", **options: object
) -> Path:
    """A whole store, its identity made with `options`."""
    plan = plan_for(videos, videos_per_shard)
    create_store(path, make_identity(**options), plan, write_tokenizer, form)
    for shard in range(len(plan.shards)):
        write_one(path, plan, shard, videos)
    return path
