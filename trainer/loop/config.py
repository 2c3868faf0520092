"""What a training run is told beside its model and its data."""

from dataclasses import dataclass
from typing import Literal, get_args

from ..errors import TrainingError
from .precision import Precision

Sharding = Literal["ddp", "fsdp"]
"""Whether every rank holds the whole model, or a share of it (FSDP2)."""

SEEDS = 2**31
"""Seeds from here on are those of validation and evaluation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoopConfig:
    """How long a run is, how it computes and what it leaves behind.

    Attributes:
        steps: optimiser steps of the whole learning-rate schedule.
        until: step to stop after, where another run goes on with the schedule; none is `steps`.
        seed: of weights, dropout, masks and data order, in [0, `SEEDS`).
        log_every, checkpoint_every: in steps.
        keep_checkpoints: how many of the newest stay.
        accumulate: parts a rank's batch is computed in, one after the other.
        precision: of matrix products; weights, optimiser and reductions stay fp32.
        sharding: what the ranks share.
        checkpoint_activations: compute each layer twice instead of keeping what is inside it.
        compile: let torch.compile fuse each layer.
        tensorboard: write the figures for TensorBoard, too.
    """

    steps: int
    until: int | None = None
    seed: int = 0
    log_every: int = 10
    checkpoint_every: int = 500
    keep_checkpoints: int = 2
    accumulate: int = 1
    precision: Precision = "fp32"
    sharding: Sharding = "ddp"
    checkpoint_activations: bool = False
    compile: bool = False
    tensorboard: bool = False

    def __post_init__(self) -> None:
        counts = ("steps", "log_every", "checkpoint_every", "keep_checkpoints", "accumulate")
        for name in (*counts, "until") if self.until is not None else counts:
            if getattr(self, name) < 1:
                raise TrainingError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 <= self.seed < SEEDS:
            raise TrainingError(f"seed must be in [0, {SEEDS}), not {self.seed}")
        if self.until is not None and self.until > self.steps:
            raise TrainingError(f"until {self.until} is past the schedule's {self.steps} steps")
        for name, choices in (("precision", get_args(Precision)), ("sharding", get_args(Sharding))):
            if getattr(self, name) not in choices:
                raise TrainingError(
                    f"{name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}"
                )

    @property
    def last_step(self) -> int:
        """Steps done when the run is finished."""
        return self.steps if self.until is None else self.until
