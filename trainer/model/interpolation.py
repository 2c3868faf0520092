"""Positional tables of one clip shape, stretched to another, as VIMPAC fine-tunes larger clips."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor
from torch.nn import functional

from ..errors import TrainingError
from .backbone import TABLE_AXES
from .config import ModelConfig

TABLE = re.compile(r"(?:.*\.)?positions\.tables\.(\d+)")


def interpolate_positions(
    weights: Mapping[str, Tensor], before: ModelConfig, after: ModelConfig
) -> dict[str, Tensor]:
    """Weights of a model of shape `before` as a model of shape `after` takes them.

    Every positional table is interpolated linearly along each of its own axes, the ends of the
    axes as borders of pixels (`align_corners` off); all other weights are passed on as they are.
    Tables whose size does not change are not touched. An optimiser's moments under the names of
    their parameters are stretched in the same way.

    Args:
        weights: tensors by parameter name; tables are `(*axes, d)`.
        before: the shape the weights have.
        after: the same but for `frames`, `grid` and `dropout`.

    Raises:
        TrainingError: the shapes differ in more than `frames`, `grid` and `dropout`.
    """
    if replace(before, frames=after.frames, grid=after.grid, dropout=after.dropout) != after:
        raise TrainingError("only a model's frames and grid can be interpolated, not its form")
    sizes = (after.frames, *after.grid)
    axes = TABLE_AXES[before.positions]
    return {
        name: stretch(weight, [sizes[axis] for axis in axes[int(match[1])]])
        if (match := TABLE.fullmatch(name))
        else weight
        for name, weight in weights.items()
    }


def stretch(table: Tensor, sizes: Sequence[int]) -> Tensor:
    """Interpolate `(*axes, d)` linearly, one axis after the other, to `(*sizes, d)`."""
    for axis, size in enumerate(sizes):
        if table.shape[axis] != size:
            lines = table.movedim(axis, -1)  # (..., d, axis)
            stretched = functional.interpolate(
                lines.flatten(0, -2)[None], size=size, mode="linear", align_corners=False
            )
            table = stretched[0].unflatten(0, lines.shape[:-1]).movedim(-1, axis).contiguous()
    return table
