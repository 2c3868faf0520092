"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Seed = Annotated[int, typer.Option(help="Seed of everything drawn at random.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")]
Preset = Annotated[
    str | None,
    typer.Option(help="debug, tiny, small, base or large; small on an accelerator, else tiny."),
]
Epochs = Annotated[float | None, typer.Option(help="Passes over the videos.")]
Steps = Annotated[int | None, typer.Option(help="Optimiser steps, in place of --epochs.")]
BatchSize = Annotated[int | None, typer.Option(help="Videos a step.")]
LearningRate = Annotated[
    float | None, typer.Option(help="Peak rate; the paper's, scaled to the batch, when not given.")
]
Workers = Annotated[int, typer.Option(help="Data loading processes.")]
CheckpointEvery = Annotated[int | None, typer.Option(help="Steps between checkpoints.")]
Frames = Annotated[int, typer.Option(help="Token frames of a clip.")]
Layout = Annotated[str | None, typer.Option(help="Attention layout, for instance T,H|W or THW.")]
Run = Annotated[Path, typer.Argument(help="A run's folder.")]
TokensOption = Annotated[Path | None, typer.Option("--tokens", help="The token store.")]
Store = Annotated[Path, typer.Argument(help="The token store.")]
