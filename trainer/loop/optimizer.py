"""AdamW as the method sets it, and its learning-rate schedule."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..errors import TrainingError

LAYER = re.compile(r"backbone\.layers\.(\d+)\.")
BELOW_LAYERS = (
    "backbone.cls",
    "backbone.embedding.",
    "backbone.positions.",
    "backbone.input_norm.",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimizerConfig:
    """AdamW with linear warm-up and linear decay.

    Attributes:
        lr: peak learning rate.
        weight_decay: not applied to biases and LayerNorm weights.
        betas: AdamW's moments.
        warmup_share: share of all steps, in [0, 1], over which lr rises from zero.
        clip_norm: largest global gradient norm.
        layer_decay: factor of the rate from one layer of the backbone to the one below it; 1 has
            all layers learn alike.
    """

    lr: float
    weight_decay: float
    betas: tuple[float, float]
    warmup_share: float = 0.1
    clip_norm: float = 1.0
    layer_decay: float = 1.0

    def __post_init__(self) -> None:
        if self.lr <= 0:
            raise TrainingError(f"lr must be above 0, not {self.lr}")
        if not 0 <= self.warmup_share <= 1:
            raise TrainingError(f"warmup share must be in [0, 1], not {self.warmup_share}")
        if not 0 < self.layer_decay <= 1:
            raise TrainingError(f"layer decay must be in (0, 1], not {self.layer_decay}")

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "OptimizerConfig":
        """Read the fields back from JSON."""
        return cls(**{**fields, "betas": tuple(fields["betas"])})


def make_optimizer(model: nn.Module, config: OptimizerConfig) -> torch.optim.AdamW:
    """AdamW over what is trained of `model`; biases and norm weights are not decayed.

    Tables and vectors that are learned as such (positions, [CLS]) are decayed as weights are. A
    group has a depth's parameters, decayed or not, and `lr_scale`, its share of the rate.
    """
    norms = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, nn.LayerNorm)
        for parameter in module.parameters()
    }
    trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
    depths = layer_depths(trained) if config.layer_decay < 1 else dict.fromkeys(trained, 0)
    deepest = max(depths.values())
    groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, parameter in trained.items():
        decayed = id(parameter) not in norms and not name.endswith("bias")
        groups.setdefault((depths[name], decayed), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": groups[depth, decayed],
                "weight_decay": config.weight_decay if decayed else 0.0,
                "lr_scale": config.layer_decay ** (deepest - depth),
            }
            for depth, decayed in sorted(groups, key=lambda group: (-group[0], not group[1]))
        ],
        lr=config.lr,
        betas=config.betas,
        fused=True,
    )


def layer_depths(names: Collection[str]) -> dict[str, int]:
    """How far above the input each parameter is: 0 what is before the first layer of the backbone.

    Heads are above the last layer.
    """
    numbers = {name: int(match[1]) for name in names if (match := LAYER.match(name))}
    top = 2 + max(numbers.values(), default=-1)
    return {
        name: numbers[name] + 1 if name in numbers else 0 if name.startswith(BELOW_LAYERS) else top
        for name in names
    }


def learning_rate(config: OptimizerConfig, step: int, steps: int) -> float:
    """The rate of step `step` (from 0) of `steps`: linear warm-up, then linear decay to zero."""
    warmup = max(round(config.warmup_share * steps), 1)
    if step < warmup:
        return config.lr * (step + 1) / warmup
    return config.lr * (steps - step) / max(steps - warmup, 1)
