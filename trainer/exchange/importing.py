"""A model from elsewhere as a run: to fine-tune from, to evaluate, to predict with."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from ...datasets import LabelSource, TokenStore
from ..errors import TrainingError
from ..loop.checkpoint import TrainingState, write_checkpoint
from ..loop.run_folder import CONFIG, Run, write_text
from ..loop.setup import tokens_of
from ..pretraining.masking import MaskConfig
from .exported import TOKENIZER, ExportedModel, build_model, read_exported
from .original import read_original


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportOptions:
    """What a checkpoint of the public release does not tell of itself.

    Attributes:
        heads, layout: of the attention; none is as the release has them.
        stride: stored frames from one token frame of a clip to the next.
        classes: names in label order, of a fine-tuned checkpoint; none numbers them.
        labels: where the labels of its task come from.
    """

    heads: int | None = None
    layout: str | None = None
    stride: int = 1
    classes: Sequence[str] | None = None
    labels: LabelSource | None = None


def import_model(
    source: Path, run: Run, options: ImportOptions, *, store: TokenStore | None = None
) -> dict[str, Any]:
    """Make a run of a checkpoint of the public release, or of an exported folder.

    Args:
        source: a `classifier.pt`, or what `export_run` wrote.
        run: the folder to make.
        options: see its class; an exported folder tells all of it itself.
        store: one whose tokens the model was trained on; without, the run records no tokenizer,
            and is refused where one matters.

    Returns:
        The run's configuration.

    Raises:
        TrainingError: the source is no such model, does not fit the store or the options, or the
            run exists.
    """
    if (run.path / CONFIG).exists():
        raise TrainingError(f"{run.path} already holds a run: give another --out")
    exported = source.is_dir()
    read = read_exported(source) if exported else from_original(source, options)
    build_model(read.config, read.weights)
    config = {
        name: value
        for name, value in read.config.items()
        if name not in ("library_name", "format_version")
    }
    tokenizers = [source / TOKENIZER] if exported else []
    if store is not None:
        config["tokens"] = tokens_for(config, store)
        tokenizers.append(store.tokenizer_folder)
    run.path.mkdir(parents=True, exist_ok=True)
    for folder in tokenizers:
        if folder.is_dir():
            shutil.copytree(folder, run.path / TOKENIZER, dirs_exist_ok=True)
    write_checkpoint(run, TrainingState(step=0, weights=read.weights, moments={}), keep=1)
    write_text(run.path / CONFIG, json.dumps(config, indent=2) + "\n")
    return config


def from_original(path: Path, options: ImportOptions) -> ExportedModel:
    """A checkpoint of the public release as what an exported folder would hold.

    Raises:
        TrainingError: it is no such checkpoint, or has no or not as many classes as are named.
    """
    read = read_original(path, heads=options.heads, layout=options.layout)
    config: dict[str, Any] = {
        "kind": "pretrain" if read.classes is None else "finetune",
        "model": read.config.to_dict(),
        "tokens": None,
        "stride": options.stride,
        "imported": {"file": path.name, "sha256": sha256(path.read_bytes()).hexdigest()},
    }
    if read.classes is None:
        if options.classes is not None or options.labels is not None:
            raise TrainingError(f"{path} is pre-trained: it has no classes that a task could name")
        return ExportedModel(config={**config, "mask": asdict(MaskConfig())}, weights=read.weights)
    names = options.classes or [str(number) for number in range(read.classes)]
    if len(names) != read.classes:
        raise TrainingError(
            f"{path} has {read.classes} classes, {len(names)} are named: "
            "its head is of another task"
        )
    labels = options.labels and asdict(options.labels)
    return ExportedModel(
        config={**config, "classes": list(names), "labels": labels}, weights=read.weights
    )


def tokens_for(config: dict[str, Any], store: TokenStore) -> dict[str, Any]:
    """What to record of the tokens, once the store is known to fit the model.

    Raises:
        TrainingError: the store is of another vocabulary or, where the model tells its own, of
            another tokenizer.
    """
    vocabulary, recorded = config["model"]["vocabulary"], config.get("tokens")
    now = store.identity.tokenizer
    if vocabulary != now.vocabulary:
        raise TrainingError(
            f"{store.path} has {now.vocabulary} codes, the model {vocabulary}: give the store of "
            "its tokenizer"
        )
    if recorded and recorded["tokenizer"]["fingerprint"] != now.fingerprint:
        raise TrainingError(
            f"{store.path} is of {now.name}, the model of {recorded['tokenizer']['name']}: their "
            "codes differ"
        )
    size = config["model"]["grid"][0] * now.compression
    return {**tokens_of(store), "size": size}
