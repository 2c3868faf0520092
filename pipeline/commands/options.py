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
TokensOption = Annotated[
    str | None, typer.Option("--tokens", help="The token store: a folder or a URL.")
]
TokensCache = Annotated[
    Path | None, typer.Option("--cache", help="Keep a remote store's shards here once read.")
]
Store = Annotated[Path, typer.Argument(help="The token store.")]

# Options of a training run; where none is given, the preset, --config or --init decides.
Config = Annotated[
    Path | None, typer.Option(help="A run's config.json, to run again; other options change it.")
]
Norm = Annotated[str | None, typer.Option(help="Layer norm: post or pre; the preset's.")]
Positions = Annotated[
    str | None, typer.Option(help="factorised, temporal_spatial or full; the preset's.")
]
Dropout = Annotated[float | None, typer.Option(help="In the backbone; the preset's.")]
FramesOrBase = Annotated[int | None, typer.Option("--frames", help="Token frames of a clip; 5.")]
Stride = Annotated[int | None, typer.Option(help="Stored frames a token frame; 1.")]
SeedOrBase = Annotated[
    int | None, typer.Option("--seed", help="Seed of everything drawn at random; 0.")
]
Precision = Annotated[
    str, typer.Option(help="fp32, bf16, fp16, or auto: bf16 where the device has it, else fp32.")
]
Accumulate = Annotated[
    int | None, typer.Option(help="Parts a rank's batch is computed in, to save memory; 1.")
]
Sharding = Annotated[
    str | None, typer.Option(help="ddp: each rank holds the model; fsdp: a share of it; ddp.")
]
Compile = Annotated[
    bool | None, typer.Option("--compile/--no-compile", help="Let torch.compile fuse the layers.")
]
CheckpointActivations = Annotated[
    bool | None,
    typer.Option(
        "--checkpoint-activations/--no-checkpoint-activations",
        help="Compute layers twice, to save memory.",
    ),
]
WorkersOrBase = Annotated[int | None, typer.Option("--workers", help="Data loading processes; 0.")]
Tensorboard = Annotated[
    bool | None, typer.Option("--tensorboard/--no-tensorboard", help="Write TensorBoard files.")
]
Trust = Annotated[
    bool, typer.Option("--trust", help="Allow a tokenizer file that runs code of its own.")
]
