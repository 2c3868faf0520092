"""Several processes that train or evaluate one model, as `torchrun` starts them.

A process that was started alone is a world of one, in which every exchange is the identity.
Tensors on a card travel by NCCL, those on the CPU by gloo.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from .errors import TrainingError

CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True, slots=True)
class Distributed:
    """This process among those that work together.

    Attributes:
        rank: its number, from 0.
        world_size: how many there are.
        device: where it computes.
    """

    rank: int = 0
    world_size: int = 1
    device: torch.device = CPU

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes files and talks to the user."""
        return self.rank == 0

    def gather(self, tensor: Tensor) -> Tensor:
        """`(n, ...)` of every rank to `(world_size * n, ...)`, in the order of the ranks.

        Gradients flow. Every rank must compute the same loss from the result: its own part then
        receives that loss's gradient times `world_size`, which averaging gradients over the ranks,
        as DDP and FSDP do, brings back to the gradient of the loss.
        """
        if self.world_size == 1:
            return tensor
        gathered: Tensor = _Gather.apply(tensor, self)  # type: ignore[no-untyped-call]
        return gathered

    def collect(self, tensor: Tensor) -> Tensor:
        """`(n, ...)` of every rank to `(sum of n, ...)`; n may differ, no gradient flows."""
        if self.world_size == 1:
            return tensor
        own = torch.tensor([len(tensor)], device=tensor.device)
        sizes = [int(size) for size in _all_gather(own, self.world_size)]
        padded = tensor.new_zeros(max(sizes), *tensor.shape[1:])
        padded[: len(tensor)] = tensor
        parts = _all_gather(padded, self.world_size)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    def total(self, tensor: Tensor) -> Tensor:
        """The sum over all ranks of tensors of one shape; no gradient flows."""
        summed = tensor.detach().clone()
        if self.world_size > 1:
            dist.all_reduce(summed)
        return summed

    def mean(self, tensor: Tensor) -> Tensor:
        """The mean over all ranks of floating tensors of one shape; no gradient flows."""
        return self.total(tensor) / self.world_size

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on some rank."""
        return bool(self.total(torch.tensor(int(flag)))) if self.world_size > 1 else flag

    def wait(self) -> None:
        """Go on when all ranks have come here."""
        if self.world_size > 1:
            dist.barrier()


ALONE = Distributed()
"""A process that shares its work with no other, on the CPU."""


class _Gather(torch.autograd.Function):
    """See `Distributed.gather`; the backward pass needs no exchange."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, distributed: Distributed) -> Tensor:
        ctx.distributed = distributed
        return torch.cat(_all_gather(tensor, distributed.world_size))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        parts = gradients[0].chunk(ctx.distributed.world_size)
        return parts[ctx.distributed.rank] * ctx.distributed.world_size, None


def _all_gather(tensor: Tensor, world_size: int) -> list[Tensor]:
    parts = [torch.empty_like(tensor) for _ in range(world_size)]
    dist.all_gather(parts, tensor.detach().contiguous())
    return parts


@contextmanager
def join(device: str = "auto") -> Iterator[Distributed]:
    """Join the processes that `torchrun` started; a process started otherwise stands alone.

    Args:
        device: `auto`, `cpu`, `cuda` or `cuda:N`; among several processes each takes the card of
            its local rank.

    Raises:
        TrainingError: there is no such device here, or other processes are told of, but not
            this one's place among them.
    """
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size == 1:
        yield Distributed(device=choose_device(device))
        return
    if "LOCAL_RANK" not in os.environ:
        raise TrainingError(
            f"WORLD_SIZE is {world_size}, but LOCAL_RANK is not set: start with torchrun, or unset "
            "WORLD_SIZE to train alone"
        )
    own = choose_device(device, local_rank=int(os.environ["LOCAL_RANK"]))
    if own.type == "cuda":
        torch.cuda.set_device(own)
    dist.init_process_group("cpu:gloo,cuda:nccl" if own.type == "cuda" else "gloo")
    try:
        yield Distributed(rank=dist.get_rank(), world_size=world_size, device=own)
    finally:
        dist.destroy_process_group()


def choose_device(name: str, local_rank: int | None = None) -> torch.device:
    """`auto`, `cpu`, `cuda` or `cuda:1` to a device.

    Args:
        name: what was asked for.
        local_rank: among several processes of this machine, the number of the card to take.

    Raises:
        TrainingError: there is no such device here, or one card is named for several processes.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device: torch.device | None = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise TrainingError(f"unknown device {name!r}: give auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and local_rank is not None:
        if ":" in name:
            raise TrainingError(f"{name} is one card, for several processes: give cuda")
        device = torch.device("cuda", local_rank)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise TrainingError(
            f"device {str(device)!r} is not here: {torch.cuda.device_count()} CUDA devices"
        )
    return device
