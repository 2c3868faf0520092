"""What every run does before its first step: settle its folder, its geometry and its origin."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...datasets import TokenStore
from ..distributed import Distributed
from ..errors import TrainingError
from .run_folder import CONFIG, Run, remove_leftovers, write_text

RESUMABLE = {
    "workers",
    "tokens.path",
    "labels.annotations",
    "labels.class_names",
    "knn.annotations",
    "knn.class_names",
    "loop.until",
    "loop.log_every",
    "loop.checkpoint_every",
    "loop.keep_checkpoints",
    "loop.tensorboard",
    "loop.sharding",
    "loop.checkpoint_activations",
}
"""Settings that a resumed run may change, as its result does not depend on them."""


def tokens_of(store: TokenStore) -> dict[str, Any]:
    """What a run records of the tokens it was trained on."""
    identity = store.identity
    return {
        "path": str(store.path),
        "logical_hash": store.summary()["logical_hash"],
        "tokenizer": identity.tokenizer.to_dict(),
        "fps": identity.fps,
        "size": identity.size,
        "views": list(identity.views),
        "precision": identity.precision,
        "steady": identity.steady,
    }


def prepare_run(
    run: Run,
    kind: str,
    config: dict[str, Any],
    store: TokenStore,
    distributed: Distributed,
    *,
    resume: bool,
) -> None:
    """Make `run` ready to train: a new folder, or the same one to go on with; rank 0 does it.

    Raises:
        TrainingError: it holds a run and `resume` is off, or that run's settings differ.
    """
    refusal = None
    if distributed.leads:
        try:
            _prepare(run, {"kind": kind, "tokens": tokens_of(store), **config}, store, resume)
        except TrainingError as error:
            refusal = error
    if distributed.any(refusal is not None):
        raise refusal or TrainingError(f"{run.path} was refused; rank 0 says why")


def _prepare(run: Run, config: dict[str, Any], store: TokenStore, resume: bool) -> None:
    resolved = json.loads(json.dumps(config))
    if (run.path / CONFIG).exists():
        if not resume:
            raise TrainingError(
                f"{run.path} already holds a run: --resume goes on with it, or give another --out"
            )
        _refuse_differences(run, resolved)
        return
    run.path.mkdir(parents=True, exist_ok=True)
    remove_leftovers(run.path)
    if store.tokenizer_folder.is_dir():
        shutil.copytree(store.tokenizer_folder, run.path / "tokenizer", dirs_exist_ok=True)
    write_text(run.path / CONFIG, json.dumps(resolved, indent=2) + "\n")


def refuse_other_tokens(origin: Path, config: Mapping[str, Any], store: TokenStore) -> None:
    """Raise TrainingError unless the store's codes mean what they did in a run.

    Args:
        origin: the run, or its configuration's file, for the message.
        config: the run's configuration.
        store: tokens.
    """
    tokens = config.get("tokens")
    if tokens is None:
        raise TrainingError(
            f"{origin} does not say which tokenizer its weights read: import them again, naming "
            "a store of that tokenizer with --tokens"
        )
    refuse_other_tokenizer(origin, tokens["tokenizer"], store)


def refuse_other_tokenizer(origin: Path, before: Mapping[str, Any], store: TokenStore) -> None:
    """Raise TrainingError unless the store is of the tokenizer that a configuration records."""
    now = store.identity.tokenizer
    if before["fingerprint"] != now.fingerprint:
        raise TrainingError(
            f"{origin} was trained on tokens of {before['name']} "
            f"({before['fingerprint'][:12]}), the store {store.path} holds tokens of {now.name} "
            f"({now.fingerprint[:12]}), whose codes differ: tokenize with the same tokenizer"
        )


def refuse_other_grid(origin: Path, config: Mapping[str, Any], store: TokenStore) -> None:
    """Raise TrainingError unless the store's frames have as many tokens as a run's."""
    before, now = config["model"]["grid"], store.identity.grid()
    if tuple(before) != tuple(now):
        raise TrainingError(
            f"{origin} was trained on a grid of {before[0]} x {before[1]} tokens, the store "
            f"{store.path} has {now[0]} x {now[1]}: tokenize at the same --size"
        )


def refuse_other_store(run: Run, store: TokenStore) -> None:
    """Raise TrainingError unless clips of the store are what the run's clips were."""
    refuse_other_clips(run.path, run.config, store)


def refuse_other_clips(origin: Path, config: Mapping[str, Any], store: TokenStore) -> None:
    """Raise TrainingError unless clips of the store are what the clips of a configuration were.

    That is: of the same tokenizer, as many tokens a frame, as many frames a second.
    """
    refuse_other_tokens(origin, config, store)
    refuse_other_grid(origin, config, store)
    before, now = config["tokens"]["fps"], store.identity.fps
    if before != now:
        raise TrainingError(
            f"{origin} was trained on {before:g} stored frames a second, the store {store.path} "
            f"has {now:g}: tokenize at the same --fps"
        )


def _refuse_differences(run: Run, resolved: dict[str, Any]) -> None:
    before, now = _flat(run.config), _flat(resolved)
    differing = [
        f"{name} {before.get(name)!r} -> {now.get(name)!r}"
        for name in sorted(before.keys() | now.keys())
        if name not in RESUMABLE and before.get(name) != now.get(name)
    ]
    if differing:
        raise TrainingError(
            f"{run.path} was started with other settings ({'; '.join(differing)}): "
            "give the same ones to resume, or another --out"
        )


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        nested = isinstance(value, dict)
        flat.update(_flat(value, f"{prefix}{name}.") if nested else {prefix + name: value})
    return flat
