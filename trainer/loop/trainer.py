"""One step of a model: its parts' losses, their gradients, the update."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ..distributed import Distributed
from .checkpoint import TrainingState, capture, restore, write_checkpoint
from .config import LoopConfig
from .optimizer import OptimizerConfig, learning_rate, make_optimizer
from .parallel import exchanging, prepare_model
from .precision import autocast
from .run_folder import Run
from .update import Update

Part = TypeVar("Part")
Figures = dict[str, Tensor]
Objective = Callable[[nn.Module, Sequence[Part]], Iterator[tuple[Tensor, Figures]]]
"""From the model and a batch's parts to a loss and figures to log, one a part in their order.

The losses of the parts add up to the batch's, and so do the figures; the means of both over the
ranks are those of all ranks' batches taken together.
"""


class Trainer:
    """A model on its way: what a step changes and a checkpoint holds.

    Args:
        model: on its device, alike on every rank.
        layers: its repeated parts, see `prepare_model`.
        loop, optimizer_config: see their classes.
        distributed: this process among the others.
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Iterable[nn.Module],
        loop: LoopConfig,
        optimizer_config: OptimizerConfig,
        distributed: Distributed,
    ) -> None:
        self.model = prepare_model(model.train(), layers, loop, distributed)
        self.optimizer = make_optimizer(model, optimizer_config)
        self.update = Update(
            model, self.optimizer, optimizer_config.clip_norm, loop.precision, distributed.device
        )
        self.done, self.rate = 0, 0.0
        self._loop = loop
        self._optimizer_config = optimizer_config
        self._distributed = distributed

    def start(self, state: TrainingState | None) -> int:
        """Take up a state, the same on every rank, where there is one; return the steps done."""
        if state is not None:
            restore(state, self.model, self.optimizer)
            self.done = state.step
            self.update.load(state.further)
        return self.done

    def step(self, objective: Objective[Part], parts: Sequence[Part]) -> Figures:
        """Take one step on a batch; its figures, with `loss` and `gradient_norm`."""
        torch.manual_seed(_step_seed(self._loop.seed, self.done, self._distributed.rank))
        totals: Figures = {}
        losses = objective(self.model, parts)
        for place in range(len(parts)):
            with exchanging(self.model, place == len(parts) - 1):
                with autocast(self._loop.precision, self._distributed.device):
                    loss, figures = next(losses)
                self.update.backward(loss)
            for name, value in {"loss": loss.detach(), **figures}.items():
                totals[name] = totals[name] + value if name in totals else value
        self.rate = learning_rate(self._optimizer_config, self.done, self._loop.steps)
        self.done += 1
        totals["loss"] = self._distributed.mean(totals["loss"])
        totals["gradient_norm"] = self.update.apply(totals["loss"], self.rate, self.done)
        return totals

    def save(self, run: Run) -> None:
        """Write a checkpoint; every rank takes part, rank 0 writes."""
        state = capture(self.model, self.optimizer, self.done, self.update.state())
        if self._distributed.leads:
            write_checkpoint(run, state, keep=self._loop.keep_checkpoints)
        self._distributed.wait()


def _step_seed(seed: int, step: int, rank: int) -> int:
    return int(np.random.SeedSequence((seed, step, rank, 1)).generate_state(1, np.uint32)[0])
