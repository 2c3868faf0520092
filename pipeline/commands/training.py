"""What the training commands share: sizes of a run, its scale, its progress."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
import typer

from ...trainer import LoopConfig, OptimizerConfig, Outcome, Run, StepReport, read_metrics
from ...trainer.loop.checkpoint import METRICS
from ..console import emit, note, progress
from ..errors import INTERRUPTED, PipelineError

DEFAULT_TOKENS = (Path("tokens"),)
RUNS = Path("runs")
CPU_BATCH = 16
"""Videos a step where no accelerator is: what fits a laptop's memory."""

SHOWN = ("loss", "token_accuracy", "contrastive_accuracy", "accuracy", "videos_per_second")


def default_preset(device: torch.device) -> str:
    """The paper's small model on an accelerator; on a CPU one that trains there in minutes."""
    return "tiny" if device.type == "cpu" else "small"


def batch_for(requested: int | None, paper: int, videos: int, device: torch.device) -> int:
    """Videos a step: as asked for, else the paper's, less where there are fewer or no card."""
    if requested is not None:
        return requested
    return max(1, min(paper, videos, CPU_BATCH if device.type == "cpu" else paper))


def steps_for(epochs: float, videos: int, batch: int) -> int:
    """Optimiser steps of so many passes over the videos."""
    return max(round(epochs * videos / batch), 1)


def optimizer_for(
    paper: OptimizerConfig, lr: float | None, batch: int, paper_batch: int
) -> OptimizerConfig:
    """The paper's optimiser; its rate goes with the square root of the batch."""
    return replace(paper, lr=lr if lr is not None else paper.lr * (batch / paper_batch) ** 0.5)


def loop_for(steps: int, seed: int, checkpoint_every: int | None) -> LoopConfig:
    """A run's loop: some hundred reports, and by default twenty checkpoints."""
    return LoopConfig(
        steps=steps,
        seed=seed,
        log_every=max(min(steps // 100, 50), 1),
        checkpoint_every=checkpoint_every or max(steps // 20, 50),
    )


def find_tokens(given: Path | None, *names: str) -> Path:
    """The store to train on: the given one, else the first of `tokens/NAME` and `tokens`.

    Raises:
        PipelineError: none is there.
    """
    if given is not None:
        return given
    places = [*(Path("tokens") / name for name in names), *DEFAULT_TOKENS]
    for place in places:
        if (place / "vimpac.json").exists():
            return place
    raise PipelineError(
        f"no token store at {' or '.join(map(str, places))}: make one with "
        "`vimpac tokenize VIDEOS --out tokens/`, or name one with --tokens"
    )


def latest_pretraining() -> Path | None:
    """The newest pre-training run below `runs/`, none where there is none."""
    runs = [
        path.parent
        for path in RUNS.glob("*/config.json")
        if Run(path.parent).config.get("kind") == "pretrain" and Run(path.parent).checkpoints
    ]
    return max(runs, key=lambda path: Run(path).latest.stat().st_mtime, default=None)


@contextmanager
def training_progress(title: str, steps: int) -> Iterator[Callable[[StepReport], None]]:
    """Draw a run's progress."""
    with progress(title, steps) as update:

        def report(step: StepReport) -> None:
            figures = [f"{name} {step.figures[name]:.3g}" for name in SHOWN if name in step.figures]
            update(step.step, ", ".join(figures))

        yield report


def finish(run: Run, outcome: Outcome, *, as_json: bool) -> None:
    """Print a training command's result; exit as an interrupted program does where it was."""
    metrics = read_metrics(run.path / METRICS)
    document = {
        "run": str(run.path),
        "steps": outcome.step,
        "finished": not outcome.stopped,
        "checkpoint": str(run.latest),
        "last": metrics[-1] if metrics else {},
    }
    emit(document, as_json=as_json, title=str(run.path))
    if outcome.stopped:
        note(f"stopped at step {outcome.step}; the same command with --resume goes on")
        raise typer.Exit(INTERRUPTED)
