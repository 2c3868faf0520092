"""The training loop both stages share: load, step, log, checkpoint; resumable to the bit."""

import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...datasets import ClipBatch
from ..errors import TrainingError
from .checkpoint import METRICS, Run, load_checkpoint, save_checkpoint
from .optimizer import OptimizerConfig, learning_rate, make_optimizer

Batch = ClipBatch
Objective = Callable[[Batch], tuple[Tensor, dict[str, Tensor]]]
"""A batch to its loss and the figures to log."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoopConfig:
    """How long a run is and what it leaves behind.

    Attributes:
        steps: optimiser steps of the whole run.
        seed: of weights, dropout, masks and data order.
        log_every, checkpoint_every: in steps.
        keep_checkpoints: how many of the newest stay.
    """

    steps: int
    seed: int = 0
    log_every: int = 10
    checkpoint_every: int = 500
    keep_checkpoints: int = 2

    def __post_init__(self) -> None:
        for name in ("steps", "log_every", "checkpoint_every", "keep_checkpoints"):
            if getattr(self, name) < 1:
                raise TrainingError(f"{name} must be at least 1, not {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True, slots=True)
class StepReport:
    """What an observer is told after a logged step.

    Attributes:
        step: steps done.
        steps: steps of the whole run.
        figures: means since the last report; `loss`, `lr`, the objective's own, `videos_per_second`
            and `data_wait_share`, the share of time spent waiting for data.
    """

    step: int
    steps: int
    figures: dict[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a call of `train` ended: steps done in all, and whether a signal stopped it."""

    step: int
    stopped: bool


def train(
    model: nn.Module,
    objective: Objective,
    batches: Callable[[int], Iterable[Batch]],
    *,
    run: Run,
    loop: LoopConfig,
    optimizer_config: OptimizerConfig,
    on_report: Callable[[StepReport], None] | None = None,
) -> Outcome:
    """Train `model` from the run's newest checkpoint, or from the start, to `loop.steps`.

    SIGINT and SIGTERM end it after a checkpoint. Dropout is seeded a step at a time, so a resumed
    run draws what an undisturbed one draws.

    Args:
        model: already on its device.
        objective: computes the loss of a batch.
        batches: from a first step to that step's batch and all later ones.
        run: the folder to write to.
        loop: see its class.
        optimizer_config: see its class.
        on_report: called at every logged step.

    Raises:
        TrainingError: the loss or the gradient is not finite; the step's number is named and
            the last checkpoint stays.
    """
    optimizer = make_optimizer(model, optimizer_config)
    start = load_checkpoint(run.latest, model, optimizer) if run.checkpoints else 0
    log = _Log(run, start, loop, on_report)
    model.train()
    with _stop_requested() as stop:
        for step, batch in enumerate(log.timed(batches(start)), start):
            rate = learning_rate(optimizer_config, step, loop.steps)
            torch.manual_seed(_step_seed(loop.seed, step))
            loss, figures = objective(batch)
            norm = _update(model, optimizer, loss, rate, optimizer_config.clip_norm, step)
            done, figures = step + 1, {"loss": loss, "gradient_norm": norm, **figures}
            log.add(done, len(batch["index"]), figures, rate)
            stopping = stop()
            if stopping or done % loop.checkpoint_every == 0 or done == loop.steps:
                save_checkpoint(run, done, model, optimizer, keep=loop.keep_checkpoints)
            if stopping:
                return Outcome(step=done, stopped=done < loop.steps)
    return Outcome(step=loop.steps, stopped=False)


def _update(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Tensor,
    rate: float,
    clip_norm: float,
    step: int,
) -> Tensor:
    """One optimiser step; nothing is changed where loss or gradient are not finite."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
    if not math.isfinite(loss.item()) or not math.isfinite(norm.item()):
        raise TrainingError(
            f"step {step + 1}: loss {loss.item():.4g}, gradient norm {norm.item():.4g}: not "
            "finite; the last checkpoint is kept: resume with a lower --lr"
        )
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    return norm


def _step_seed(seed: int, step: int) -> int:
    return int(np.random.SeedSequence((seed, step, 1)).generate_state(1, np.uint32)[0])


@contextmanager
def _stop_requested() -> Iterator[Callable[[], bool]]:
    """Turn SIGINT and SIGTERM into a question the loop asks after each step.

    Only a program's main thread may handle signals; in any other they are left alone.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    previous = {
        number: signal.signal(number, lambda got, _: received.append(got))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class _Log:
    """Averages figures between reports and appends them to the run's metrics."""

    def __init__(
        self,
        run: Run,
        start: int,
        loop: LoopConfig,
        on_report: Callable[[StepReport], None] | None,
    ) -> None:
        self._file = run.path / METRICS
        self._loop = loop
        self._on_report = on_report
        self._keep_lines_until(start)
        self._begin()

    def timed(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The batches, with the time spent waiting for them counted."""
        source = iter(batches)
        while True:
            asked = time.perf_counter()
            batch = next(source, None)
            self._waited += time.perf_counter() - asked
            if batch is None:
                return
            yield batch

    def add(self, step: int, videos: int, figures: Mapping[str, Tensor], rate: float) -> None:
        """Take a step's figures; report where it is time."""
        self._steps += 1
        self._videos += videos
        for name, value in figures.items():
            self._sums[name] = self._sums.get(name, 0.0) + value.detach()
        if step % self._loop.log_every == 0 or step == self._loop.steps:
            self._report(step, rate)

    def _report(self, step: int, rate: float) -> None:
        seconds = time.perf_counter() - self._since
        figures = {name: float(total) / self._steps for name, total in self._sums.items()} | {
            "lr": rate,
            "videos_per_second": self._videos / seconds,
            "data_wait_share": self._waited / seconds,
        }
        with self._file.open("a") as file:
            file.write(json.dumps({"step": step, **figures}) + "\n")
        if self._on_report is not None:
            self._on_report(StepReport(step=step, steps=self._loop.steps, figures=figures))
        self._begin()

    def _begin(self) -> None:
        self._sums: dict[str, Tensor | float] = {}
        self._steps = self._videos = 0
        self._waited = 0.0
        self._since = time.perf_counter()

    def _keep_lines_until(self, step: int) -> None:
        """Drop what a killed run logged after its last checkpoint."""
        kept = [line for line in read_metrics(self._file) if line["step"] <= step]
        self._file.write_text("".join(json.dumps(line) + "\n" for line in kept))


def read_metrics(path: Any) -> list[dict[str, float]]:
    """The lines of a run's `metrics.jsonl`; a last line that a kill cut short is left out."""
    if not path.exists():
        return []
    lines = []
    for line in path.read_text().splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
    return lines
