"""Batches brought to the device a step ahead, so that no step waits for what it must know."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import torch
from torch import Tensor

Given = TypeVar("Given")
Staged = TypeVar("Staged")


def staged(batches: Iterable[Given], stage: Callable[[Given], Staged]) -> Iterator[Staged]:
    """`stage` of every batch, begun one batch ahead of its use.

    On a card `stage` only queues work, among it copies of small counts back to the host; when the
    batch is used a step later they have long arrived.
    """
    ahead: list[Staged] = []
    for batch in batches:
        ahead.append(stage(batch))
        if len(ahead) == 2:
            yield ahead.pop(0)
    yield from ahead


class Awaited:
    """A small tensor on its way to the host."""

    def __init__(self, tensor: Tensor) -> None:
        self.value = tensor.to("cpu", non_blocking=True)
        self.arrived = torch.cuda.Event() if tensor.is_cuda else None
        if self.arrived is not None:
            self.arrived.record()

    def item(self) -> int:
        """The number, once it has arrived."""
        if self.arrived is not None:
            self.arrived.synchronize()
        return int(self.value)


def parts_of(parts: int, *tensors: Tensor) -> list[tuple[Tensor, ...]]:
    """Tensors `(n, ...)` of n videos cut into `parts` along these, the first ones taking the rest.

    Fewer videos than parts make as many parts as videos.
    """
    count = min(parts, len(tensors[0]))
    return list(zip(*(tensor.tensor_split(count) for tensor in tensors), strict=True))
