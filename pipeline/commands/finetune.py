"""`vimpac finetune`: stage 2, from a backbone to a classifier."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ...datasets import TRAIN, LabelSource, TokenStore
from ...trainer import (
    Distributed,
    FinetuneConfig,
    ModelConfig,
    Run,
    TrainingError,
    join,
    model_config,
    pretrained_model_config,
)
from ...trainer import finetune as run_finetune
from ...trainer.classification.finetuning import PAPER_BATCH, PAPER_EPOCHS, PAPER_OPTIMIZER
from . import options
from .training import (
    RUNS,
    batch_for,
    default_preset,
    find_tokens,
    finish,
    latest_pretraining,
    loop_for,
    optimizer_for,
    steps_for,
    training_progress,
)

SCRATCH = "scratch"


def finetune(
    task: Annotated[str, typer.Option(help="motion or folder.")],
    tokens: options.TokensOption = None,
    init: Annotated[
        str | None,
        typer.Option(help="A pre-training run, or scratch; the newest run below runs/."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; runs/TASK.")] = None,
    preset: options.Preset = None,
    layout: options.Layout = None,
    frames: Annotated[int | None, typer.Option(help="Token frames of a clip; as --init.")] = None,
    stride: Annotated[int, typer.Option(help="Stored frames a token frame.")] = 1,
    epochs: options.Epochs = None,
    steps: options.Steps = None,
    batch_size: options.BatchSize = None,
    lr: options.LearningRate = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    workers: options.Workers = 0,
    checkpoint_every: options.CheckpointEvery = None,
    resume: options.Resume = False,
    json: options.Json = False,
) -> None:
    """Fine-tune a classifier on a labelled task, from pre-trained weights or from scratch."""
    with join(device) as distributed:
        store = TokenStore.open(find_tokens(tokens, task))
        labels = LabelSource(task=task)
        split = labels.join(store.keys, TRAIN)
        start = find_init(init)
        given = {"preset": preset, "layout": layout, "frames": frames}
        shape = {name: value for name, value in given.items() if value is not None}
        batch = batch_for(batch_size, PAPER_BATCH, len(split), distributed)
        config = FinetuneConfig(
            labels=labels,
            classes=split.classes,
            init=str(start.path) if start else None,
            model=model_for(store, start, shape, distributed),
            optimizer=optimizer_for(PAPER_OPTIMIZER, lr, batch, PAPER_BATCH),
            loop=loop_for(
                steps or steps_for(epochs or PAPER_EPOCHS, len(split), batch),
                checkpoint_every,
                seed=seed,
            ),
            batch_size=batch,
            stride=stride,
            workers=workers,
        )
        run = Run(out or RUNS / task)
        with training_progress(f"finetune {task}", config.loop, distributed) as report:
            outcome = run_finetune(
                store,
                run,
                config,
                init=start,
                distributed=distributed,
                resume=resume,
                on_report=report,
            )
        finish(run, outcome, distributed, as_json=json)


def find_init(given: str | None) -> Run | None:
    """The pre-training run to start from; none for `scratch`.

    Raises:
        TrainingError: none was given and none is found.
    """
    if given == SCRATCH:
        return None
    path = Path(given) if given is not None else latest_pretraining()
    if path is None:
        raise TrainingError(
            "no pre-training run below runs/: run `vimpac pretrain` first, name one with --init, "
            "or give --init scratch"
        )
    return Run(path)


def model_for(
    store: TokenStore, init: Run | None, shape: dict[str, Any], distributed: Distributed
) -> ModelConfig:
    """The model's shape: that of the pre-training run, or from scratch as the options say.

    Args:
        store: tokens.
        init: the pre-training run, none from scratch.
        shape: the options `preset`, `layout`, `frames` that were given.
        distributed: its device decides the preset where none was given.

    Raises:
        TrainingError: the pre-trained model does not fit the store or the options.
    """
    if init is None:
        preset = shape.pop("preset", default_preset(distributed))
        identity = store.identity
        return model_config(preset, identity.vocabulary, grid=identity.grid(), **shape)
    if shape:
        raise TrainingError(
            f"{init.path} fixes the model's shape: leave out --{' and --'.join(shape)}, "
            "or give --init scratch"
        )
    return pretrained_model_config(init, store)
