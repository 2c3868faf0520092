"""Muon: momentum whose every step changes a layer's directions alike.

Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"; the scale of
a step is that of Liu et al. 2025 (arXiv 2502.16982), section 2.2. PyTorch's own takes matrices
only and multiplies in bfloat16, which few CPUs do fast.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.nn import functional as F

_MOMENTUM = 0.95
_SCALE = 0.2  # root mean square of a step over the learning rate: about that of AdamW's
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ROUNDS = 5
# What a channel that went silent leaves behind fades into subnormal numbers, which CPUs multiply
# many times slower; so it is made zero.
_VANISHED = 1e-30
_NEGLIGIBLE = 1e-9  # beside the matrix's norm


class Muon(torch.optim.Optimizer):
    """Muon for the kernels `(out, in, height, width)` of convolutions, as matrices of `out` rows.

    Learning rates are of AdamW's size. Biases, and the layers that read or write pixels, are
    better left to AdamW.
    """

    def __init__(self, kernels: Iterable[Tensor], *, lr: float) -> None:
        super().__init__(kernels, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Do one step from the kernels' gradients; `closure` is not called."""
        for group in self.param_groups:
            for kernel in group["params"]:
                state = self.state[kernel]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(kernel)
                momentum = state["momentum"].lerp_(kernel.grad, 1 - _MOMENTUM)
                momentum.copy_(F.hardshrink(momentum, _VANISHED))
                change = kernel.grad.lerp(momentum, _MOMENTUM).permute(0, 2, 3, 1)
                rows = change.flatten(1)
                step = orthogonal(rows).view(change.shape).permute(0, 3, 1, 2)
                kernel.sub_(step, alpha=group["lr"] * _SCALE * math.sqrt(max(rows.shape)))


def orthogonal(matrix: Tensor) -> Tensor:
    """About the nearest matrix `(m, n)` of orthogonal rows or columns: singular values near 1.

    Five rounds of a Newton-Schulz iteration, on the smaller Gram matrix: a kernel has some nine
    times as many columns as rows.
    """
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonal(matrix.T).T
    matrix = F.hardshrink(matrix / (matrix.norm() + 1e-7), _NEGLIGIBLE)
    gram = matrix @ matrix.T
    left = torch.eye(len(gram), device=gram.device, dtype=gram.dtype)
    a, b, c = _COEFFICIENTS
    for _ in range(_ROUNDS):
        factor = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal().add_(a)
        left = factor @ left
        gram = factor @ gram @ factor
    return left @ matrix
