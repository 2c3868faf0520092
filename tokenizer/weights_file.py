"""One file format for tokenizers and training checkpoints: safetensors with a JSON header."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from .interface import TokenizerError

FILE_NAME = "tokenizer.safetensors"
"""What a folder that holds a tokenizer calls it."""

_KEY = "vimpac"


def write_weights(path: Path, header: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Write `weights` and `header` to `path` atomically: all of the new file or all of the old."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        tensors = {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}
        with temporary.open("xb") as file:
            file.write(save(tensors, metadata={_KEY: json.dumps(header, sort_keys=True)}))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_weights(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read what `write_weights` wrote: the header and the weights, on the CPU.

    Raises:
        TokenizerError: The file is missing, truncated, or not one of ours.
    """
    with _opened(path) as file:
        header = _header(file, path)
        return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A safetensors file; what goes wrong while it is open is told in one line."""
    if not path.is_file():
        raise TokenizerError(f"{path}: no such tokenizer file")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        raise TokenizerError(f"{path}: not a whole safetensors file ({error})") from error


def _header(file: Any, path: Path) -> dict[str, Any]:
    header = json.loads((file.metadata() or {}).get(_KEY, "null"))
    if not isinstance(header, dict):
        raise TokenizerError(f"{path}: a safetensors file, but not a vimpac tokenizer")
    return header


def read_header(path: Path) -> dict[str, Any]:
    """Read only the header of what `write_weights` wrote.

    Raises:
        TokenizerError: The file is missing, truncated, or not one of ours.
    """
    with _opened(path) as file:
        return _header(file, path)


def tokenizer_header(kind: str, name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The header of a tokenizer's file: which code reads it, its name, its configuration."""
    return {
        "format": "tokenizer",
        "version": 1,
        "kind": kind,
        "name": name,
        "config": dict(config),
    }


def load_into(module: torch.nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Copy `weights` into `module`, whose names, shapes and types they must match exactly.

    A module on the `meta` device is given memory only once everything fits.

    Raises:
        TokenizerError: A weight is missing, unknown, or of another shape or type.
    """
    wanted = module.state_dict()
    for name in sorted(wanted.keys() | weights.keys()):
        have, want = weights.get(name), wanted.get(name)
        if have is None or want is None or (have.shape, have.dtype) != (want.shape, want.dtype):
            raise TokenizerError(f"{path}: weight '{name}' does not fit the configuration it names")
    if any(weight.is_meta for weight in wanted.values()):
        module.to_empty(device="cpu")
    module.load_state_dict(dict(weights))
