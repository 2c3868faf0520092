"""The shape of a model read off its weights."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ...datasets import SPECIAL_TOKENS
from ..errors import TrainingError
from ..model.config import ModelConfig
from ..model.layout import parse_layout

LAYOUT = "T,H|W"
HEAD_WIDTH = 64
NARROW_HEAD_WIDTH = 32
"""Of the release's large model, whose attention is half as wide as the model."""


def shape_of(
    weights: Mapping[str, Tensor], *, heads: int | None = None, layout: str | None = None
) -> ModelConfig:
    """The configuration of a model of the public release.

    Args:
        weights: under our names.
        heads: attention heads; none makes heads of 64, or of 32 where attention is narrower than
            the model, as the release's presets are.
        layout: attention layout; none is the release's, `T,H|W`.

    Raises:
        KeyError: a weight is missing.
        TrainingError: the weights have another layout.
    """
    rows, width = weights["backbone.embedding.weight"].shape
    frames, height, side = (len(weights[f"backbone.positions.tables.{axis}"]) for axis in range(3))
    blocks = attentions_of(weights)
    wanted = [len(block) for block in parse_layout(layout or LAYOUT)]
    if [len(block) for block in blocks] != wanted:
        raise TrainingError(
            f"its layers have blocks of {[len(block) for block in blocks]} attentions, the layout "
            f"{layout or LAYOUT} has {wanted}: give its --layout"
        )
    attention = sum(blocks[0])
    head_width = HEAD_WIDTH if attention == width else NARROW_HEAD_WIDTH
    projection: dict[str, Any] = projection_of(weights)
    return ModelConfig(
        vocabulary=rows - SPECIAL_TOKENS,
        frames=frames,
        grid=(height, side),
        layers=count(weights, "backbone.layers."),
        width=width,
        heads=heads or max(attention // head_width, 1),
        attention_width=0 if attention == width else attention,
        mlp_width=len(weights["backbone.layers.0.expand.weight"]),
        layout=layout or LAYOUT,
        **projection,
    )


def attentions_of(weights: Mapping[str, Tensor]) -> list[list[int]]:
    """Of each block of the first layer, the widths of its parallel attentions."""
    prefix = "backbone.layers.0.blocks."
    return [
        [
            len(weights[f"{prefix}{block}.attentions.{place}.query.weight"])
            for place in range(count(weights, f"{prefix}{block}.attentions."))
        ]
        for block in range(count(weights, prefix))
    ]


def projection_of(weights: Mapping[str, Tensor]) -> dict[str, int]:
    """The contrastive head's sizes, nothing where there is no such head."""
    prefix = "contrastive_head.layers."
    layers = [
        weight
        for name, weight in weights.items()
        if name.startswith(prefix) and name.endswith(".weight") and weight.dim() == 2
    ]
    if not layers:
        return {}
    return {
        "projection_layers": len(layers),
        "projection_width": len(layers[0]),
        "projection_output": len(layers[-1]),
    }


def count(weights: Mapping[str, Tensor], prefix: str) -> int:
    """How many numbers follow a prefix in the weights' names."""
    return len({n.removeprefix(prefix).partition(".")[0] for n in weights if n.startswith(prefix)})
