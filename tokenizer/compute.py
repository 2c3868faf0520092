"""How tokenizers compute: on which device, in which precision, in batches of one size."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

import torch
from torch import Tensor, nn

from .interface import TokenizerError

Module = TypeVar("Module", bound=nn.Module)

_DEVICE_BATCH = 32  # items at a time on an accelerator; always full, so kernels never change


def arithmetic(device: torch.device, precision: str) -> AbstractContextManager[None]:
    """The context in which an encoder runs: convolutions in bfloat16 for `bf16`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def channels_last(model: Module, device: str) -> Module:
    """Move a model to a device in the memory layout its kernels like best.

    Raises:
        TokenizerError: There is no such device.
    """
    try:
        moved: Module = model.to(device=torch.device(device), memory_format=torch.channels_last)  # type: ignore[call-overload]
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise TokenizerError(f"device '{device}' cannot be used ({reason})") from error
    return moved


def in_fixed_batches(
    run: Callable[[Tensor], Tensor],
    items: Tensor,
    *,
    device: torch.device,
    dtype: torch.dtype,
    shape: tuple[int, ...],
) -> Tensor:
    """Run items in batches of one size, so that the caller's batch size changes no result.

    Kernels are chosen by batch size, and their roundings differ: near ties would flip codes.

    Args:
        run: Items `(B, ...)` on the device to results `(B, *shape)`.
        items: `(N, ...)`, on any device.
        device: Where to compute.
        dtype: Type of the results.
        shape: Shape of one result, known without running any.

    Returns:
        `(N, *shape)` on the device.
    """
    size = 1 if device.type == "cpu" else _DEVICE_BATCH
    out = torch.empty((len(items), *shape), dtype=dtype, device=device)
    for start in range(0, len(items), size):
        batch = items[start : start + size].to(device)
        missing = size - len(batch)
        padded = torch.cat([batch, batch[-1:].expand(missing, *batch.shape[1:])])
        out[start : start + size] = run(padded)[: len(batch)]
    return out
