"""From the options of `vimpac finetune` to a resolved run."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...datasets import StoreError, TokenStore
from ...datasets.tasks import LabelledSplit, LabelSource
from ...trainer import (
    Distributed,
    FinetuneConfig,
    ModelConfig,
    Run,
    TrainingError,
    choose_precision,
    choose_stride,
    model_config,
    pretrained_shape,
    task_recipe,
)
from ...trainer.classification.starting import refuse_as_init
from ...trainer.loop.setup import refuse_other_clips
from ..errors import PipelineError
from .training import (
    batch_for,
    changed,
    default_preset,
    latest_pretraining,
    loop_for,
    optimizer_for,
    steps_for,
)

Options = Mapping[str, Any]

SCRATCH = "scratch"
SHAPE = ("preset", "layout")
"""Options of a model from scratch, which a pre-training run decides."""

DECIDED = (*SHAPE, "frames", "stride", "interpolate", "epochs")
"""Options that an earlier run's configuration decides."""

RECORDED = ("tokens", "training_videos")
"""What a run's file holds beside its configuration."""

PLACES = {
    "lr": "optimizer.lr",
    "layer_decay": "optimizer.layer_decay",
    "steps": "loop.steps",
    "seed": "loop.seed",
    "accumulate": "loop.accumulate",
    "sharding": "loop.sharding",
    "compile_layers": "loop.compile",
    "checkpoint_activations": "loop.checkpoint_activations",
    "checkpoint_every": "loop.checkpoint_every",
    "tensorboard": "loop.tensorboard",
    **{
        name: name
        for name in (
            "batch_size",
            "classifier_dropout",
            "label_smoothing",
            "balance_classes",
            "freeze_backbone",
            "workers",
        )
    },
}
"""Where an option stands in the configuration."""


def resolve(
    store: TokenStore,
    labels: LabelSource,
    split: LabelledSplit,
    init: Run | None,
    given: Options,
    distributed: Distributed,
) -> FinetuneConfig:
    """The run that options ask for: what --config or the task's recipe say, then the options.

    Args:
        store: tokens.
        labels: where the task's labels come from.
        split: its training videos in the store.
        init: the pre-training run; none from scratch.
        given: the options that were given, by name.
        distributed: its device and ranks decide the batch where none is given.

    Raises:
        TrainingError: the pre-trained model does not fit the store or the options, or values are
            out of range.
    """
    if "config" in given:
        fields = as_before(given["config"], store, init, given).to_dict()
    else:
        fields = from_recipe(store, labels, split, init, given, distributed).to_dict()
    fields |= {
        "labels": asdict(labels),
        "classes": list(split.classes),
        "init": str(init.path) if init else None,
        "views": list(labels.kind.views(store.identity.views)),
    }
    if "precision" in given or "config" not in given:
        name = given.get("precision", "auto")
        fields["loop"]["precision"] = choose_precision(name, distributed.device)
    return FinetuneConfig.from_dict(changed(fields, given, PLACES))


def from_recipe(
    store: TokenStore,
    labels: LabelSource,
    split: LabelledSplit,
    init: Run | None,
    given: Options,
    distributed: Distributed,
) -> FinetuneConfig:
    """A task's run as the paper has it, on the pre-trained model, in the sizes of the options."""
    model = model_for(store, init, given, distributed)
    recipe = task_recipe(labels.task, model)
    batch = batch_for(given.get("batch_size"), recipe.batch_size, len(split), distributed)
    steps = given.get("steps") or steps_for(given.get("epochs", recipe.epochs), len(split), batch)
    return FinetuneConfig(
        labels=labels,
        classes=split.classes,
        init=None,
        model=model,
        optimizer=optimizer_for(recipe.optimizer, given.get("lr"), batch, recipe.batch_size),
        loop=loop_for(steps, given.get("checkpoint_every")),
        batch_size=batch,
        stride=choose_stride(
            store,
            init,
            recipe_fps=recipe.fps,
            asked=given.get("stride"),
            interpolate=given.get("interpolate", False),
        ),
    )


def model_for(
    store: TokenStore, init: Run | None, given: Options, distributed: Distributed
) -> ModelConfig:
    """The model's shape: that of the pre-training run, or from scratch as the options say.

    Raises:
        TrainingError: the pre-trained model does not fit the store or the options.
    """
    if init is None:
        shape = {name: given[name] for name in ("layout", "frames") if name in given}
        preset = given.get("preset") or default_preset(distributed)
        identity = store.identity
        return model_config(preset, identity.vocabulary, grid=identity.grid(), **shape)
    if asked := [name for name in SHAPE if name in given]:
        raise TrainingError(
            f"{init.path} fixes the model's shape: leave out --{' and --'.join(asked)}, "
            "or give --init scratch"
        )
    return pretrained_shape(
        init, store, frames=given.get("frames"), interpolate=given.get("interpolate", False)
    )


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


def as_before(path: Path, store: TokenStore, init: Run | None, given: Options) -> FinetuneConfig:
    """An earlier run's configuration, once store, weights and options are known to fit it.

    Raises:
        TrainingError: an option that it decides was given, the store's clips are not what its
            clips were, or `init` is no pre-training run on such tokens.
    """
    if decided := [name for name in DECIDED if name in given]:
        raise TrainingError(f"--config decides the clips and epochs: leave out --{decided[0]}")
    config = config_of(path)
    refuse_other_clips(path, recorded_fields(path), store)
    if init is not None:
        refuse_as_init(init, store)
    return config


def config_of(path: Path) -> FinetuneConfig:
    """The configuration of an earlier fine-tuning run.

    Raises:
        TrainingError: the file is not one of a fine-tuning run, or values are out of range.
    """
    fields = recorded_fields(path)
    settings = {name: value for name, value in fields.items() if name not in RECORDED}
    return FinetuneConfig.from_dict(settings)


def recorded_fields(path: Path) -> dict[str, Any]:
    """All that a fine-tuning run's configuration holds but its kind.

    Raises:
        TrainingError: the file is not one of a fine-tuning run.
    """
    try:
        fields: dict[str, Any] = json.loads(path.read_text())
        kind = fields.pop("kind")
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError(f"{path} is not a run's configuration ({error})") from None
    if kind != "finetune":
        raise TrainingError(f"{path} is of a {kind} run, not of a fine-tuning run")
    return fields


def all_found(*looks: Callable[[], Any]) -> list[Any]:
    """What each look finds; all that is missing is told at once.

    Raises:
        PipelineError: something is not there.
    """
    found, missing = [], []
    for look in looks:
        try:
            found.append(look())
        except (PipelineError, StoreError, TrainingError) as error:
            missing.append(str(error))
    if missing:
        raise PipelineError("; and ".join(missing))
    return found
