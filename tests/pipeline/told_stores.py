"""Small stores whose codes tell the classes, so that few steps learn them."""

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

VOCABULARY = 12


def build_store(
    path, classes, *, fps=2.0, views=("center",), grid=(2, 2), frames=24, tokenizer="f"
):
    """Videos by key whose codes tell their class: most of them are the number of the class."""
    identity = StoreIdentity(
        tokenizer=TokenizerIdentity(
            name="toy", fingerprint=tokenizer * 64, vocabulary=VOCABULARY, compression=8
        ),
        fps=fps,
        size=8 * grid[0],
        views=tuple(views),
    )
    names = sorted({label for label in classes.values() if label is not None})
    plan = make_plan([PlanItem(key=key, source=key) for key in classes], 4)
    create_store(path, identity, plan)
    for shard, items in enumerate(plan.shards):
        with ShardWriter(path, shard) as writer:
            for item in items:
                label = classes[item.key]
                rng = np.random.default_rng(list(item.key.encode()))
                codes = rng.integers(0, VOCABULARY, (frames, *grid))
                told = names.index(label) if label is not None else 0
                codes[rng.random(codes.shape) < 0.8] = told
                writer.add(item.key, dict.fromkeys(views, codes), SourceInfo())
            written = writer.finish()
        commit_shard(path, shard, written)
    return path


def pretrain(vimpac, store):
    words = ["pretrain", store, "--preset", "debug", "--steps", 1, "--batch-size", 2]
    assert vimpac(*words).code == 0
