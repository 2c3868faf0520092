"""The training loop both stages share: load, step, log, checkpoint; resumable to the bit."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from torch import nn

from ..distributed import Distributed
from .checkpoint import TrainingState, read_checkpoint
from .config import LoopConfig
from .log import Log, OnReport
from .optimizer import OptimizerConfig
from .run_folder import Run
from .signals import stop_requested
from .trainer import Objective, Part, Trainer

Monitor = Callable[[nn.Module], dict[str, float]]
"""Figures of the model on data it is not trained on; called on every rank."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a call of `train` ended: steps done in all, and whether a signal stopped it."""

    step: int
    stopped: bool


def train(
    model: nn.Module,
    layers: Iterable[nn.Module],
    objective: Objective[Part],
    batches: Callable[[int], Iterable[Sequence[Part]]],
    *,
    run: Run,
    loop: LoopConfig,
    optimizer_config: OptimizerConfig,
    batch_size: int,
    distributed: Distributed,
    initial: TrainingState | None = None,
    monitor: Monitor | None = None,
    on_report: OnReport | None = None,
) -> Outcome:
    """Train `model` from the run's newest checkpoint, or from `initial`, or as it is.

    SIGINT and SIGTERM end it after a checkpoint. Dropout is seeded a step at a time, so a resumed
    run draws what an undisturbed one draws.

    Args:
        model: on its device, alike on every rank.
        layers: its repeated parts, see `prepare_model`.
        objective: see its type.
        batches: from a first step to that step's batch, cut into parts, and all later ones.
        run: the folder to write to.
        loop: see its class.
        optimizer_config: see its class.
        batch_size: videos a step on all ranks together.
        distributed: this process among the others.
        initial: weights, moments and step to start from where the run has no checkpoint.
        monitor: called where a checkpoint is due.
        on_report: called at every logged step, on rank 0.

    Raises:
        TrainingError: the loss or the gradient is not finite; the step's number is named and
            the last checkpoint stays.
    """
    trainer = Trainer(model, layers, loop, optimizer_config, distributed)
    start = trainer.start(read_checkpoint(run.latest) if run.checkpoints else initial)
    log = Log(run, start, loop, distributed, on_report)
    with stop_requested() as stop:
        for done, parts in enumerate(log.timed(batches(start)), start + 1):
            log.add(batch_size, trainer.step(objective, parts))
            stopping = distributed.any(stop())
            ending = stopping or done == loop.last_step
            saving = ending or done % loop.checkpoint_every == 0
            logging = ending or done % loop.log_every == 0
            if saving or logging:
                trainer.update.check()
            with log.paused():
                measured = monitor(trainer.model) if monitor is not None and saving else {}
            if logging or measured:
                log.report(done, lr=trainer.rate, **measured)
            if saving:
                trainer.save(run)
            if ending:
                return Outcome(step=done, stopped=done < loop.last_step)
    return Outcome(step=start, stopped=False)
