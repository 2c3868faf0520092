"""`vimpac finetune`: stage 2, from a backbone to a classifier."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ...datasets import TRAIN, LabelSource, TokenStore
from ...trainer import Run, join
from ...trainer import finetune as run_finetune
from ...trainer.classification.starting import store_rate
from ..console import note
from ..errors import PipelineError
from . import labels as label_options
from . import options
from .finetune_config import SCRATCH, all_found, config_of, find_init, resolve
from .labels import label_source
from .training import RUNS, find_tokens, finish, given_options, training_progress


def finetune(
    context: typer.Context,
    task: label_options.TaskOption = None,
    annotations: label_options.AnnotationsOption = None,
    labels: label_options.LabelsOption = None,
    official_split: label_options.OfficialSplitOption = None,
    class_names: label_options.ClassNamesOption = None,
    tokens: options.TokensOption = None,
    cache: options.TokensCache = None,
    init: Annotated[
        str | None,
        typer.Option(help="A pre-training run, or scratch; the newest run below runs/."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; runs/TASK.")] = None,
    config: options.Config = None,
    preset: options.Preset = None,
    layout: options.Layout = None,
    frames: Annotated[int | None, typer.Option(help="Token frames of a clip; as --init.")] = None,
    stride: Annotated[
        int | None, typer.Option(help="Stored frames a token frame; by the task's frame rate.")
    ] = None,
    interpolate: Annotated[
        bool,
        typer.Option("--interpolate", help="Take clips of another shape or rate than --init had."),
    ] = False,
    epochs: options.Epochs = None,
    steps: options.Steps = None,
    batch_size: options.BatchSize = None,
    lr: options.LearningRate = None,
    layer_decay: Annotated[
        float | None, typer.Option(help="Of the rate, from a layer to the one below; 1.")
    ] = None,
    label_smoothing: Annotated[
        float | None, typer.Option(help="Share of the target spread over all classes; 0.")
    ] = None,
    balance_classes: Annotated[
        bool | None,
        typer.Option(help="Weigh videos so that classes weigh alike."),
    ] = None,
    freeze_backbone: Annotated[
        bool | None, typer.Option(help="Train the classifier alone.")
    ] = None,
    classifier_dropout: Annotated[
        float | None, typer.Option(help="Before the classifier; 0.")
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
    resume: options.Resume = False,
    json: options.Json = False,
) -> None:
    """Fine-tune a classifier on a labelled task, from pre-trained weights or from scratch."""
    given = given_options(context)
    base = config_of(config) if config is not None else None
    source = label_source(given)
    if source is None and base is not None:
        source = base.labels
    if source is None:
        raise PipelineError("--task or --labels should say what to learn")
    with join(device) as distributed:
        place, split_of, start = all_found(
            partial(find_tokens, tokens, source.task),
            partial(labels_at_hand, source),
            partial(find_init, init or (None if base is None else base.init or SCRATCH)),
        )
        store = TokenStore.open(place, cache=cache)
        split = split_of.join(store.keys, TRAIN)
        settings = resolve(store, source, split, start, given, distributed)
        run = Run(out or RUNS / source.task)
        if distributed.leads:
            rate = store_rate(store) / settings.stride
            note(f"{split.report()}\nclips of {settings.model.frames} frames, {rate:g} a second")
        with training_progress(f"finetune {source.task}", settings.loop, distributed) as report:
            outcome = run_finetune(
                store,
                run,
                settings,
                init=start,
                distributed=distributed,
                resume=resume,
                on_report=report,
            )
        found = {"listed": split.listed, "found": len(split), "missing": list(split.missing)}
        finish(run, outcome, distributed, as_json=json, **found)


def labels_at_hand(source: LabelSource) -> LabelSource:
    """The source itself, once its label files are known to be there.

    Raises:
        TaskError: they are not.
    """
    if source.kind.read_keys is None:
        source.place()
    return source
