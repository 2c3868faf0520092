"""Weights that are a pure function of their names and shapes, and files that hold them."""

import io
import json
import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

FIXTURES = Path(__file__).parents[1] / "fixtures" / "tokenizers"


def seeded_weights(shapes: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """Weights that keep signals alive through any depth; each depends on its name alone."""
    weights = {}
    for name, shape in shapes.items():
        generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        weight = torch.randn(tuple(shape), generator=generator)
        if len(shape) > 1:
            weight *= math.sqrt(2 / math.prod(shape[1:]))
        else:
            weight = 0.1 * weight + (0 if name.endswith((".b", "bias")) else 1)
        weights[name] = weight
    return weights


def shapes_of(weights: Mapping[str, Tensor]) -> dict[str, list[int]]:
    """Names and shapes, as JSON keeps them."""
    return {name: list(weight.shape) for name, weight in weights.items()}


def read_fixture(name: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What `record.py` wrote: how it was made, and the recorded tensors."""
    with safe_open(FIXTURES / f"{name}.safetensors", framework="pt") as file:
        made = json.loads(file.metadata()["fixture"])
        return made, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


def fill_zip(skeleton: Tensor, weights: Mapping[str, Tensor], storages: Mapping[str, str]) -> bytes:
    """A torch zip file from its other members and its weights, by the member each is in."""
    out = io.BytesIO()
    small = zipfile.ZipFile(io.BytesIO(skeleton.numpy().tobytes()))
    with small, zipfile.ZipFile(out, "w") as whole:
        for member in small.namelist():
            whole.writestr(member, small.read(member))
        for member, name in storages.items():
            whole.writestr(member, weights[name].numpy().tobytes())
    return out.getvalue()


def fill_legacy(skeleton: Tensor, weights: Mapping[str, Tensor], storages: Sequence[str]) -> bytes:
    """A torch legacy file from its pickles and its weights, in order."""
    parts = [zlib.decompress(skeleton.numpy().tobytes())]
    for name in storages:
        parts += [weights[name].numel().to_bytes(8, "little"), weights[name].numpy().tobytes()]
    return b"".join(parts)
