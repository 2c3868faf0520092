"""Memory of an evaluation over many views, as it goes on: it should not grow with the videos.

A store of short random videos in three crops is written to FOLDER (kept, and used again), a small
classifier of random weights is evaluated on it with 10 clips x 3 crops, and the resident memory
of the process is sampled twice a second:

    python benchmarks/evaluation_memory.py FOLDER --videos 10000

Prints one JSON document: at each tenth of the time `own_mb`, what the process itself holds, and
`mapped_mb`, pages of the store's files and of libraries, which the system takes back when it needs
them; `growth_mb` of the former from the second tenth to the last; and `decoded_mb`, what the
store's codes would take in memory.
"""

import argparse
import json
import threading
import time
from pathlib import Path

import numpy as np
import torch
from vimpac.datasets import (
    LabelSource,
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
from vimpac.trainer import (
    EvaluationConfig,
    FinetuneConfig,
    LoopConfig,
    ModelConfig,
    OptimizerConfig,
    Run,
    evaluate_classifier,
    finetune,
)

VOCABULARY, CLASSES, FRAMES, SHARD = 512, 10, 48, 500
VIEWS = ("center", "top_left", "bottom_right")
CLIPS = 10
MEGABYTE = 2**20


def build(path: Path, videos: int) -> None:
    """A store of class folders: one training video a class, the others held out."""
    identity = StoreIdentity(
        tokenizer=TokenizerIdentity(
            name="random", fingerprint="f" * 64, vocabulary=VOCABULARY, compression=8
        ),
        fps=2.0,
        size=32,
        views=VIEWS,
    )
    keys = [f"train/{label}/0" for label in range(CLASSES)]
    keys += [f"validation/{number % CLASSES}/{number:06d}" for number in range(videos)]
    plan = make_plan([PlanItem(key=key, source=key) for key in keys], SHARD)
    create_store(path, identity, plan)
    rng = np.random.default_rng(0)
    for shard, items in enumerate(plan.shards):
        with ShardWriter(path, shard) as writer:
            for item in items:
                codes = rng.integers(0, VOCABULARY, (len(VIEWS), FRAMES, 4, 4))
                writer.add(item.key, dict(zip(VIEWS, codes, strict=True)), SourceInfo())
            written = writer.finish()
        commit_shard(path, shard, written)


def classifier(store: TokenStore, path: Path) -> Run:
    """A run of one step."""
    run = Run(path)
    if not path.exists():
        config = FinetuneConfig(
            labels=LabelSource(task="folder"),
            classes=tuple(map(str, range(CLASSES))),
            init=None,
            model=ModelConfig(
                vocabulary=VOCABULARY, grid=(4, 4), layers=1, width=32, heads=2, mlp_width=32
            ),
            optimizer=OptimizerConfig(lr=1e-2, weight_decay=0.0, betas=(0.9, 0.98)),
            loop=LoopConfig(steps=1),
            batch_size=CLASSES,
        )
        finetune(store, run, config, init=None)
    return run


def resident_megabytes() -> tuple[float, float]:
    """What the process holds in memory now: its own, and pages of files that are mapped."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    own, mapped = (int(status[name].split()[0]) / 1024 for name in ("RssAnon", "RssFile"))
    return own, mapped


def main() -> None:
    """Build, evaluate, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--videos", type=int, default=10_000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tokens = arguments.folder / f"tokens-{arguments.videos}"
    if not tokens.exists():
        build(tokens, arguments.videos)
    store = TokenStore.open(tokens)
    run = classifier(store, arguments.folder / f"run-{arguments.videos}")
    samples: list[tuple[float, float]] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            samples.append(resident_megabytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    report = evaluate_classifier(
        run,
        store,
        EvaluationConfig(clips=CLIPS, crops=len(VIEWS)),
        predictions=arguments.folder / "predictions.jsonl",
    )
    seconds = time.monotonic() - began
    done.set()
    watcher.join()
    tenths = [samples[(len(samples) - 1) * tenth // 10] for tenth in range(1, 11)]
    document = {
        "videos": report["videos"],
        "views": report["clips"] * len(report["views"]),
        "seconds": round(seconds, 1),
        "decoded_mb": round(int(store.frames.sum()) * 16 * len(VIEWS) * 2 / MEGABYTE),
        "own_mb": [round(own, 1) for own, _ in tenths],
        "mapped_mb": [round(mapped, 1) for _, mapped in tenths],
        "growth_mb": round(tenths[-1][0] - tenths[1][0], 1),
    }
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
