"""From the options of `vimpac pretrain` to a resolved run."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ...datasets import TokenStore
from ...trainer import (
    Distributed,
    PretrainConfig,
    TrainingError,
    choose_precision,
    model_config,
    recipe_for,
)
from ...trainer.loop.run_folder import CONFIG
from ...trainer.loop.setup import refuse_other_tokens
from ...trainer.model.config import ModelConfig
from ...trainer.pretraining.masking import MaskConfig
from ...trainer.pretraining.run import training_videos
from .labels import knn_source
from .training import batch_for, changed, default_preset, loop_for, optimizer_for, steps_for

Options = Mapping[str, Any]

PLACES = {
    "layout": "model.layout",
    "norm": "model.norm",
    "positions": "model.positions",
    "dropout": "model.dropout",
    "frames": "model.frames",
    "lr": "optimizer.lr",
    "steps": "loop.steps",
    "until": "loop.until",
    "seed": "loop.seed",
    "accumulate": "loop.accumulate",
    "sharding": "loop.sharding",
    "compile_layers": "loop.compile",
    "checkpoint_activations": "loop.checkpoint_activations",
    "checkpoint_every": "loop.checkpoint_every",
    "tensorboard": "loop.tensorboard",
    "mask": "mask.kind",
    "mask_blocks": "mask.boxes",
    "mask_share": "mask.share",
    "mask_replacement": "mask.replacement",
    **{
        name: name
        for name in (
            "batch_size",
            "stride",
            "max_distance",
            "exclude",
            "validation",
            "token_weight",
            "contrastive_weight",
            "codebook_embedding",
            "workers",
        )
    },
}
"""Where an option stands in the configuration."""


def resolve(store: TokenStore, given: Options, distributed: Distributed) -> PretrainConfig:
    """The run that options ask for: what --config, --init or the preset say, then the options.

    Raises:
        TrainingError: options that do not go together, or values out of range.
        StoreError: no video is left to train on.
        PipelineError: --annotations without --knn.
    """
    bases = [name for name in ("config", "init", "preset") if name in given]
    if len(bases) > 1:
        raise TrainingError(f"--{bases[0]} decides the model: leave out --{bases[1]}")
    if "config" in given:
        base = config_of(given["config"], fields_of(given["config"], store), given)
    elif "init" in given:
        base = from_run(given["init"], store, given, distributed)
    else:
        base = from_preset(store, given, distributed)
    fields = changed(base.to_dict(), given, PLACES)
    fields["model"]["grid"] = list(store.identity.grid())
    if (labels := knn_source(given)) is not None:
        fields["knn"] = asdict(labels)
    if "precision" in given or "config" not in given:
        name = given.get("precision", "auto")
        fields["loop"]["precision"] = choose_precision(name, distributed.device)
    return PretrainConfig.from_dict(fields)


def from_preset(store: TokenStore, given: Options, distributed: Distributed) -> PretrainConfig:
    """A preset's run, as the paper trains it, in the sizes that the options give."""
    preset = given.get("preset") or default_preset(distributed)
    recipe = recipe_for(preset)
    kept = training_videos(store.keys, given.get("exclude"), given.get("validation"))
    batch = batch_for(given.get("batch_size"), recipe.batch_size, len(kept), distributed)
    epochs = given.get("epochs", recipe.epochs)
    return PretrainConfig(
        model=model_config(preset, store.identity.vocabulary, grid=store.identity.grid()),
        optimizer=optimizer_for(recipe.optimizer, given.get("lr"), batch, recipe.batch_size),
        loop=loop_for(
            given.get("steps") or steps_for(epochs, len(kept), batch), given.get("checkpoint_every")
        ),
        batch_size=batch,
    )


def from_run(
    run: Path, store: TokenStore, given: Options, distributed: Distributed
) -> PretrainConfig:
    """A run that goes on with an earlier one's schedule, or begins one from an imported model.

    Raises:
        TrainingError: see `fields_of` and `config_of`.
    """
    fields = fields_of(run / CONFIG, store)
    if "loop" in fields:
        base = config_of(run / CONFIG, fields, given)
        return replace(base, init=str(run), loop=replace(base.loop, until=None))
    return replace(
        from_preset(store, given, distributed),
        model=ModelConfig.from_dict(fields["model"]),
        mask=MaskConfig(**fields["mask"]),
        stride=fields["stride"],
        init=str(run),
    )


def config_of(path: Path, fields: Mapping[str, Any], given: Options) -> PretrainConfig:
    """The configuration of an earlier run, from what its file at `path` holds.

    Raises:
        TrainingError: it is of an imported model, or --epochs is given beside it.
    """
    if "loop" not in fields:
        raise TrainingError(f"{path} is of an imported model, which has no schedule to run again")
    if "epochs" in given:
        raise TrainingError(
            f"{path} decides the length of the run: leave out --epochs, or give --steps"
        )
    own = {name: value for name, value in fields.items() if name not in ("kind", "tokens")}
    return PretrainConfig.from_dict(own)


def fields_of(path: Path, store: TokenStore) -> dict[str, Any]:
    """What the configuration of a pre-training run on the store's tokenizer holds.

    Raises:
        TrainingError: the file is not one of a pre-training run, or of another tokenizer.
    """
    try:
        fields: dict[str, Any] = json.loads(path.read_text())
        kind, _ = fields["kind"], fields["tokens"]
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError(f"{path} is not a run's configuration ({error})") from None
    if kind != "pretrain":
        raise TrainingError(f"{path} is of a {kind} run, not of a pre-training run")
    refuse_other_tokens(path, fields, store)
    return fields
