"""What the training commands share: sizes of a run, its scale, its progress."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from ...trainer import (
    Distributed,
    LoopConfig,
    OptimizerConfig,
    Outcome,
    Run,
    StepReport,
    TrainingError,
    read_metrics,
)
from ...trainer.loop.run_folder import METRICS
from ..console import emit, note, progress
from ..errors import INTERRUPTED, PipelineError

DEFAULT_TOKENS = (Path("tokens"),)
RUNS = Path("runs")
CPU_BATCH = 16
"""Videos a step where no accelerator is: what fits a laptop's memory."""

SHOWN = (
    "loss",
    "token_accuracy",
    "contrastive_accuracy",
    "accuracy",
    "videos_per_second",
    "data_wait_share",
)


def default_preset(distributed: Distributed) -> str:
    """The paper's small model on an accelerator; on a CPU one that trains there in minutes."""
    return "tiny" if distributed.device.type == "cpu" else "small"


def batch_for(requested: int | None, paper: int, videos: int, distributed: Distributed) -> int:
    """Videos a step: as asked for, else the paper's, less where there are fewer or no card.

    What is not asked for divides evenly over the ranks.

    Raises:
        PipelineError: what is asked for is none, or does not divide evenly.
    """
    ranks = distributed.world_size
    if requested is not None:
        if requested < 1 or requested % ranks:
            raise PipelineError(
                f"--batch-size should be at least 1 and a multiple of {ranks} ranks, "
                f"not {requested}"
            )
        return requested
    most = CPU_BATCH if distributed.device.type == "cpu" else paper
    return max(min(paper, videos, most) // ranks, 1) * ranks


def steps_for(epochs: float, videos: int, batch: int) -> int:
    """Optimiser steps of so many passes over the videos.

    Raises:
        PipelineError: it is no number of passes.
    """
    if not 0 < epochs < math.inf:
        raise PipelineError(f"--epochs should be a number above 0, not {epochs}")
    return max(round(epochs * videos / batch), 1)


def optimizer_for(
    paper: OptimizerConfig, lr: float | None, batch: int, paper_batch: int
) -> OptimizerConfig:
    """The paper's optimiser; its rate goes with the square root of the batch."""
    return replace(paper, lr=lr if lr is not None else paper.lr * (batch / paper_batch) ** 0.5)


def loop_for(steps: int, checkpoint_every: int | None, **settings: Any) -> LoopConfig:
    """A run's loop: some hundred reports, and by default twenty checkpoints."""
    return LoopConfig(
        steps=steps,
        log_every=max(min(steps // 100, 50), 1),
        checkpoint_every=checkpoint_every or max(steps // 20, 50),
        **settings,
    )


def find_tokens(given: str | None, *names: str) -> str | Path:
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
        "`vimpac tokenize VIDEOS --out tokens/`, or name another"
    )


def latest_pretraining() -> Path | None:
    """The newest pre-training run below `runs/`, none where there is none."""
    runs = [path.parent for path in RUNS.glob("*/config.json") if is_pretraining(Run(path.parent))]
    return max(runs, key=lambda path: Run(path).latest.stat().st_mtime, default=None)


def is_pretraining(run: Run) -> bool:
    """Whether it is a pre-training run with a checkpoint to go on from."""
    try:
        return run.config["kind"] == "pretrain" and bool(run.checkpoints)
    except TrainingError:
        return False


def given_options(context: typer.Context) -> dict[str, Any]:
    """The options that were given, in place of their defaults."""
    return {
        name: value
        for name, value in context.params.items()
        if (source := context.get_parameter_source(name)) and source.name == "COMMANDLINE"
    }


def refuse_unread(given: Mapping[str, Any], names: Iterable[str], reader: str) -> None:
    """Raise PipelineError where options were given that their reader does not read."""
    if unread := [f"--{name.replace('_', '-')}" for name in names if name in given]:
        raise PipelineError(f"{reader} does not read {', '.join(unread)}: leave that out")


def changed(
    fields: Mapping[str, Any], given: Mapping[str, Any], places: Mapping[str, str]
) -> dict[str, Any]:
    """A configuration's fields with the given options put in their places, such as `loop.seed`."""
    result: dict[str, Any] = json.loads(json.dumps(fields))
    for option, place in places.items():
        if option in given:
            *path, name = place.split(".")
            section = result
            for step in path:
                section = section[step]
            section[name] = given[option]
    return result


@contextmanager
def training_progress(
    title: str, loop: LoopConfig, distributed: Distributed
) -> Iterator[Callable[[StepReport], None] | None]:
    """Draw a run's progress, on the rank that leads."""
    if not distributed.leads:
        yield None
        return
    with progress(title, loop.last_step) as update:

        def report(step: StepReport) -> None:
            figures = [f"{name} {step.figures[name]:.3g}" for name in SHOWN if name in step.figures]
            update(step.step, ", ".join(figures))

        yield report


def finish(
    run: Run, outcome: Outcome, distributed: Distributed, *, as_json: bool, **further: Any
) -> None:
    """Print a training command's result; exit as an interrupted program does where it was."""
    if distributed.leads:
        metrics = read_metrics(run.path / METRICS)
        document = {
            "run": str(run.path),
            "steps": outcome.step,
            "finished": not outcome.stopped,
            "checkpoint": str(run.latest),
            "last": metrics[-1] if metrics else {},
            **further,
        }
        emit(document, as_json=as_json, title=str(run.path))
    if outcome.stopped:
        if distributed.leads:
            note(f"stopped at step {outcome.step}; the same command with --resume goes on")
        raise typer.Exit(INTERRUPTED)
