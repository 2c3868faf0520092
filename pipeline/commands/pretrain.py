"""`vimpac pretrain`: stage 2, from tokens to a backbone."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ...datasets import TokenStore, select_videos
from ...tokenizer import load_tokenizer
from ...trainer import (
    PretrainConfig,
    Run,
    choose_device,
    model_config,
)
from ...trainer import (
    pretrain as run_pretrain,
)
from ...trainer.pretraining.run import PAPER_BATCH, PAPER_EPOCHS, PAPER_OPTIMIZER
from . import options
from .training import (
    RUNS,
    batch_for,
    default_preset,
    find_tokens,
    finish,
    loop_for,
    optimizer_for,
    steps_for,
    training_progress,
)


def pretrain(
    tokens: Annotated[Path | None, typer.Argument(help="The token store; tokens/.")] = None,
    out: Annotated[Path, typer.Option(help="The run's folder.")] = RUNS / "pretrain",
    preset: options.Preset = None,
    layout: options.Layout = None,
    frames: options.Frames = 5,
    stride: Annotated[int, typer.Option(help="Stored frames a token frame.")] = 1,
    exclude: Annotated[
        str | None, typer.Option(help="Keys to leave out, for instance '*/validation/*'.")
    ] = None,
    epochs: options.Epochs = None,
    steps: options.Steps = None,
    batch_size: options.BatchSize = None,
    lr: options.LearningRate = None,
    mask_blocks: Annotated[int, typer.Option(help="Boxes of a clip's block mask.")] = 5,
    contrastive_weight: Annotated[float, typer.Option(help="Beside the token loss.")] = 1.0,
    codebook_embedding: Annotated[
        bool, typer.Option(help="Start the token embedding from the tokenizer's codebook.")
    ] = False,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    workers: options.Workers = 0,
    checkpoint_every: options.CheckpointEvery = None,
    resume: options.Resume = False,
    json: options.Json = False,
) -> None:
    """Pre-train by block-masked token prediction and contrastive learning."""
    where = choose_device(device)
    store = TokenStore.open(find_tokens(tokens))
    videos = len(select_videos(store.keys, exclude=exclude))
    batch = batch_for(batch_size, PAPER_BATCH, videos, where)
    changes: dict[str, Any] = {"frames": frames, "grid": store.identity.grid()}
    config = PretrainConfig(
        model=model_config(
            preset or default_preset(where),
            store.identity.vocabulary,
            **changes | ({"layout": layout} if layout else {}),
        ),
        optimizer=optimizer_for(PAPER_OPTIMIZER, lr, batch, PAPER_BATCH),
        loop=loop_for(
            steps or steps_for(epochs or PAPER_EPOCHS, videos, batch), seed, checkpoint_every
        ),
        batch_size=batch,
        stride=stride,
        exclude=exclude,
        mask_boxes=mask_blocks,
        contrastive_weight=contrastive_weight,
        codebook_embedding=codebook_embedding,
        workers=workers,
    )
    run = Run(out)
    tokenizer = load_tokenizer(store.tokenizer_folder) if codebook_embedding else None
    with training_progress("pretrain", config.loop.steps) as report:
        outcome = run_pretrain(
            store,
            run,
            config,
            device=where,
            resume=resume,
            codebook=tokenizer.codebook if tokenizer else None,
            on_report=report,
        )
    finish(run, outcome, as_json=json)
