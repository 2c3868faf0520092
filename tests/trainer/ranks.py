"""Run a function in several processes joined by gloo, as `torchrun` would start them."""

import os
import socket
from collections.abc import Callable
from typing import Any

import torch
from torch.multiprocessing import spawn
from vimpac.trainer import join


def run_ranks(work: Callable[..., None], world_size: int, *arguments: Any) -> None:
    """Call `work(distributed, *arguments)` on every rank; a failure on any of them raises."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    spawn(_rank, (world_size, port, work, arguments), nprocs=world_size)


def _rank(
    rank: int, world_size: int, port: int, work: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    torch.set_num_threads(1)
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world_size),
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(port),
    }
    with join("cpu") as distributed:
        work(distributed, *arguments)
