"""AdamW as the method sets it, and its learning-rate schedule."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..errors import TrainingError


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimizerConfig:
    """AdamW with linear warm-up and linear decay.

    Attributes:
        lr: peak learning rate.
        weight_decay: not applied to biases and LayerNorm weights.
        betas: AdamW's moments.
        warmup_share: share of all steps, in [0, 1], over which lr rises from zero.
        clip_norm: largest global gradient norm.
    """

    lr: float
    weight_decay: float
    betas: tuple[float, float]
    warmup_share: float = 0.1
    clip_norm: float = 1.0

    def __post_init__(self) -> None:
        if self.lr <= 0:
            raise TrainingError(f"lr must be above 0, not {self.lr}")
        if not 0 <= self.warmup_share <= 1:
            raise TrainingError(f"warmup share must be in [0, 1], not {self.warmup_share}")

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "OptimizerConfig":
        """Read the fields back from JSON."""
        return cls(**{**fields, "betas": tuple(fields["betas"])})


def make_optimizer(model: nn.Module, config: OptimizerConfig) -> torch.optim.AdamW:
    """AdamW over `model`, in two groups: decayed, then biases and norm weights undecayed.

    Tables and vectors that are learned as such (positions, [CLS]) are decayed as weights are.
    """
    norms = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, nn.LayerNorm)
        for parameter in module.parameters()
    }
    undecayed = [
        parameter
        for name, parameter in model.named_parameters()
        if id(parameter) in norms or name.endswith("bias")
    ]
    excluded = {id(parameter) for parameter in undecayed}
    decayed = [parameter for parameter in model.parameters() if id(parameter) not in excluded]
    groups: list[dict[str, Any]] = [
        {"params": decayed},
        {"params": undecayed, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups,
        lr=config.lr,
        betas=config.betas,
        weight_decay=config.weight_decay,
        fused=True,
    )


def learning_rate(config: OptimizerConfig, step: int, steps: int) -> float:
    """The rate of step `step` (from 0) of `steps`: linear warm-up, then linear decay to zero."""
    warmup = max(round(config.warmup_share * steps), 1)
    if step < warmup:
        return config.lr * (step + 1) / warmup
    return config.lr * (steps - step) / max(steps - warmup, 1)
