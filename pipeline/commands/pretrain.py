"""`vimpac pretrain`: stage 2, from tokens to a backbone."""

from pathlib import Path
from typing import Annotated

import typer

from ...datasets import TokenStore
from ...tokenizer import load_tokenizer
from ...trainer import Run, forecast, join
from ...trainer import pretrain as run_pretrain
from ..console import emit
from . import labels as label_options
from . import options
from .pretrain_config import resolve
from .training import RUNS, find_tokens, finish, given_options, training_progress


def pretrain(
    context: typer.Context,
    tokens: Annotated[
        str | None, typer.Argument(help="The token store, a folder or a URL; tokens/.")
    ] = None,
    cache: options.TokensCache = None,
    out: Annotated[Path, typer.Option(help="The run's folder.")] = RUNS / "pretrain",
    config: options.Config = None,
    init: Annotated[
        Path | None,
        typer.Option(help="A pre-training run to go on with, on tokens of any size."),
    ] = None,
    preset: options.Preset = None,
    layout: options.Layout = None,
    norm: options.Norm = None,
    positions: options.Positions = None,
    dropout: options.Dropout = None,
    frames: options.FramesOrBase = None,
    stride: options.Stride = None,
    max_distance: Annotated[
        int | None, typer.Option(help="Most stored frames between a video's clips; no limit.")
    ] = None,
    exclude: Annotated[
        str | None, typer.Option(help="Keys to leave out, for instance '*/test/*'.")
    ] = None,
    validation: Annotated[
        str | None, typer.Option(help="Keys to hold out and measure on, '*/validation/*'.")
    ] = None,
    knn: Annotated[
        str | None, typer.Option(help="Task whose classes nearest neighbours of [CLS] are to tell.")
    ] = None,
    annotations: label_options.AnnotationsOption = None,
    epochs: options.Epochs = None,
    steps: options.Steps = None,
    until: Annotated[
        int | None, typer.Option(help="Stop after this step; --init goes on with the schedule.")
    ] = None,
    batch_size: options.BatchSize = None,
    lr: options.LearningRate = None,
    mask: Annotated[
        str | None, typer.Option(help="block, or iid: every token by itself; block.")
    ] = None,
    mask_blocks: Annotated[int | None, typer.Option(help="Boxes of a block mask; 5.")] = None,
    mask_share: Annotated[
        float | None, typer.Option(help="Masked share, with --mask iid; 0.15.")
    ] = None,
    mask_replacement: Annotated[
        str | None, typer.Option(help="mask: [MASK] everywhere; bert: 80 / 10 / 10 %; mask.")
    ] = None,
    token_weight: Annotated[float | None, typer.Option(help="Of the token loss; 1.")] = None,
    contrastive_weight: Annotated[
        float | None, typer.Option(help="Of the contrastive loss; 1.")
    ] = None,
    codebook_embedding: Annotated[
        bool | None,
        typer.Option(help="Start the embedding from the codebook."),
    ] = None,
    seed: options.SeedOrBase = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    accumulate: options.Accumulate = None,
    sharding: options.Sharding = None,
    compile_layers: options.Compile = None,
    checkpoint_activations: options.CheckpointActivations = None,
    workers: options.WorkersOrBase = None,
    checkpoint_every: options.CheckpointEvery = None,
    tensorboard: options.Tensorboard = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what the run would take, and end.")
    ] = False,
    resume: options.Resume = False,
    json: options.Json = False,
) -> None:
    """Pre-train by block-masked token prediction and contrastive learning."""
    with join(device) as distributed:
        store = TokenStore.open(find_tokens(tokens), cache=cache)
        settings = resolve(store, given_options(context), distributed)
        if dry_run:
            told = forecast(store, settings, distributed)
            if distributed.leads:
                emit(told, as_json=json, title="a pre-training run")
            return
        run = Run(out)
        tokenizer = load_tokenizer(store.tokenizer_folder) if settings.codebook_embedding else None
        with training_progress("pretrain", settings.loop, distributed) as report:
            outcome = run_pretrain(
                store,
                run,
                settings,
                distributed=distributed,
                resume=resume,
                codebook=tokenizer.codebook if tokenizer else None,
                on_report=report,
            )
        finish(run, outcome, distributed, as_json=json)
