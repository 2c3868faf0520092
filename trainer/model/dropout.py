"""Dropout whose random bits are cheap on a CPU, and whose mask is a byte a value."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

LEVELS = 2**16
"""Probabilities on a CPU are multiples of one in so many: 0.1 becomes 0.100006."""


class Dropout(nn.Module):
    """Zero each value with probability `p` in training, and scale the others to keep the mean."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        if not self.training or self.p == 0:
            return x
        if x.device.type != "cpu":
            return functional.dropout(x, self.p)
        dropped: Tensor = _Dropout.apply(x, round(self.p * LEVELS))  # type: ignore[no-untyped-call]
        return dropped

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"


class _Dropout(torch.autograd.Function):
    """Four 16-bit draws from each 64-bit word; PyTorch's own draws one value from each."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, threshold: int) -> Tensor:
        words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        draws = words.view(torch.int16)[: x.numel()].view(x.shape)
        ctx.dropped = draws < threshold - LEVELS // 2
        ctx.scale = LEVELS / (LEVELS - threshold)
        return x.masked_fill(ctx.dropped, 0).mul_(ctx.scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0].masked_fill(ctx.dropped, 0).mul_(ctx.scale), None
