"""Small labelled stores whose classes a tiny model can learn."""

from pathlib import Path

import numpy as np
from vimpac.datasets import (
    PlanItem,
    ShardWriter,
    SourceInfo,
    StoreIdentity,
    TokenizerIdentity,
    TokenStore,
    commit_shard,
    create_store,
    make_plan,
)

VOCABULARY = 12


def codes_of(key: str, frames: int, grid: tuple[int, int] = (2, 3)) -> np.ndarray:
    """Codes `(frames, *grid)`; in class `up` they count up in time, in class `down` down."""
    rng = np.random.default_rng(list(key.encode()))
    step = -1 if "/down/" in key else 1
    start = rng.integers(VOCABULARY)
    line = (start + step * np.arange(frames)) % VOCABULARY
    return np.broadcast_to(line[:, None, None], (frames, *grid)).copy()


def build(
    path: Path,
    keys: list[str],
    *,
    fingerprint: str = "f" * 64,
    frames: int = 9,
    grid: tuple[int, int] = (2, 3),
    fps: float = 2.0,
) -> TokenStore:
    identity = StoreIdentity(
        tokenizer=TokenizerIdentity(
            name="counting", fingerprint=fingerprint, vocabulary=VOCABULARY, compression=8
        ),
        fps=fps,
        size=8 * max(grid),
        grids=(grid,),
    )
    plan = make_plan([PlanItem(key=key, source=key) for key in keys], 5)
    create_store(path, identity, plan)
    for shard, items in enumerate(plan.shards):
        with ShardWriter(path, shard) as writer:
            for item in items:
                writer.add(item.key, codes_of(item.key, frames, grid), SourceInfo())
            written = writer.finish()
        commit_shard(path, shard, written)
    return TokenStore.open(path)


KEYS = [
    f"{split}/{motion}/{number}"
    for split in ("train", "validation")
    for motion in ("up", "down")
    for number in range(8)
]
