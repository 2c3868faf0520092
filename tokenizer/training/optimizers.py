"""Which optimiser learns which of the network's weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..vqvae import VQVAE
from .muon import Muon


def make_optimizers(model: VQVAE) -> tuple[Optimizer, ...]:
    """Muon for the kernels inside the network, AdamW for all else; both at a rate of zero."""
    hidden = _hidden_kernels(model)
    taken = set(map(id, hidden))
    others = [parameter for parameter in model.parameters() if id(parameter) not in taken]
    adamw = torch.optim.AdamW(others, lr=0.0, betas=(0.9, 0.99), weight_decay=1e-4)
    return adamw, Muon(hidden, lr=0.0)


def descend(optimizers: Sequence[Optimizer], rate: float) -> None:
    """Take one step with each at a learning rate."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()


def learners(
    model: VQVAE, optimizers: Sequence[Optimizer]
) -> Iterator[tuple[str, Optimizer, Tensor]]:
    """Each weight's name, the optimiser that learns it, and itself."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                yield names[id(parameter)], optimizer, parameter


def _hidden_kernels(model: VQVAE) -> list[Tensor]:
    """Kernels of every convolution but the one that reads pixels and the one that writes them."""
    kernels = [module.weight for module in model.modules() if isinstance(module, nn.Conv2d)]
    return list(kernels[1:-1])
