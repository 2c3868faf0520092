"""The losses of one process beside those of two ranks with half the batch each.

    python benchmarks/world_sizes.py [--steps 50]

The debug model without dropout, on a store of random codes, in fp32: once alone, then on two gloo
ranks by DDP and by FSDP. Prints JSON: the largest difference of the losses at any step, relative
to the loss; exits with 1 where it is above 1e-4. Weights start from N(0, 0.1): from N(0, 0.02), as
in the paper, the [CLS] of all clips are at first so alike that the contrastive head's batch norm
magnifies rounding, and the contrastive losses differ by up to 1e-3.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from kill_and_resume import write_store
from torch.multiprocessing import spawn
from vimpac.datasets import TokenStore
from vimpac.trainer import (
    LoopConfig,
    PretrainConfig,
    Run,
    join,
    model_config,
    pretrain,
    read_metrics,
    recipe_for,
)

VOCABULARY, SIDE, BATCH = 64, 8, 8
MOST = 1e-4


def train(rank: int, world_size: int, port: int, folder: Path, sharding: str, steps: int) -> None:
    """Train on one rank of `world_size`."""
    torch.set_num_threads(1)
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world_size),
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(port),
    }
    recipe = recipe_for("debug")
    rate = recipe.optimizer.lr * (BATCH / recipe.batch_size) ** 0.5  # as the command scales it
    config = PretrainConfig(
        model=replace(
            model_config("debug", VOCABULARY, grid=(SIDE, SIDE)), dropout=0.0, init_std=0.1
        ),
        optimizer=replace(recipe.optimizer, lr=rate),
        loop=LoopConfig(steps=steps, log_every=1, sharding=sharding),
        batch_size=BATCH,
    )
    with join("cpu") as distributed:
        run = Run(folder / f"{sharding}-{world_size}")
        pretrain(TokenStore.open(folder / "tokens"), run, config, distributed=distributed)


def losses(folder: Path, world_size: int, sharding: str, steps: int) -> list[float]:
    """The loss of every step."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    spawn(train, (world_size, port, folder, sharding, steps), nprocs=world_size)
    lines = read_metrics(folder / f"{sharding}-{world_size}" / "metrics.jsonl")
    return [line["loss"] for line in lines]


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=50)
    steps = parser.parse_args().steps
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_store(folder / "tokens", side=SIDE, vocabulary=VOCABULARY)
        alone = losses(folder, 1, "ddp", steps)
        apart = {
            sharding: max(
                abs(ours - theirs) / theirs
                for ours, theirs in zip(losses(folder, 2, sharding, steps), alone, strict=True)
            )
            for sharding in ("ddp", "fsdp")
        }
    print(json.dumps({"steps": len(alone), "first_and_last": [alone[0], alone[-1]], **apart}))
    sys.exit(int(max(apart.values()) > MOST))


if __name__ == "__main__":
    main()
