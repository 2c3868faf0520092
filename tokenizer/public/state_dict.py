"""Named weights out of any file that people keep them in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..interface import TokenizerError
from .restricted_pickle import StandIn
from .torch_file import read_torch_file

_LONGEST = 200  # characters of a name before its last part; a bound on hostile nesting


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read named weights `(...)`, floating-point ones as float32, on the CPU.

    Args:
        path: A safetensors file, or what `torch.save` wrote: a state dict, a dictionary with one
            under `state_dict`, or a whole module. Nothing in it is run.

    Raises:
        TokenizerError: The file is missing, truncated, refused, or holds no named weights.
    """
    if not path.is_file():
        raise TokenizerError(f"{path}: no such file of weights")
    if path.suffix == ".safetensors":
        weights = _read_safetensors(path)
    else:
        weights = dict(_named(read_torch_file(path)))
    if not weights:
        raise TokenizerError(f"{path}: holds no named weights")
    return {
        name: weight.to(torch.float32) if weight.is_floating_point() else weight
        for name, weight in weights.items()
    }


def without_prefix(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The weights under `prefix`, by the rest of their names."""
    return {
        name.removeprefix(prefix): weight
        for name, weight in weights.items()
        if name.startswith(prefix)
    }


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise TokenizerError(f"{path}: not a whole safetensors file ({error})") from error


def _named(loaded: Any) -> Iterator[tuple[str, Tensor]]:
    """The weights of a state dict, bare or under `state_dict`, or of a module."""
    if isinstance(loaded, StandIn):
        yield from _module_weights(loaded)
    elif isinstance(loaded, dict):
        inner = loaded.get("state_dict", loaded)
        if isinstance(inner, dict):
            yield from _tensors(inner, "")


def _module_weights(module: StandIn) -> Iterator[tuple[str, Tensor]]:
    """Parameters and buffers of a pickled module and of the modules in it, each once."""
    waiting, seen = [("", module)], {id(module)}
    while waiting:
        prefix, module = waiting.pop()
        state = module.state if isinstance(module.state, dict) else {}
        for kind in ("_parameters", "_buffers"):
            yield from _tensors(state.get(kind), prefix)
        inner = state.get("_modules")
        for name, child in inner.items() if isinstance(inner, dict) else ():
            if isinstance(child, StandIn) and id(child) not in seen and len(prefix) < _LONGEST:
                seen.add(id(child))
                waiting.append((f"{prefix}{name}.", child))


def _tensors(held: object, prefix: str) -> Iterator[tuple[str, Tensor]]:
    for name, value in held.items() if isinstance(held, dict) else ():
        if isinstance(name, str) and isinstance(value, Tensor):
            yield f"{prefix}{name}", value
