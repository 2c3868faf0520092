"""Floating-point operations that a model needs, counted from its shape (multiply-add = 2)."""

import math
from itertools import pairwise

from .config import ModelConfig
from .layout import parse_layout, split_evenly


def forward_flops(config: ModelConfig, clips: int, masked: float) -> float:
    """Operations of pre-training's forward pass in matrix products, heads included.

    The last layer's output projection and MLP, and the token head, are counted at the masked
    places and [CLS] alone, as no loss reads them elsewhere. A step with its backward pass needs
    three times as many.

    Args:
        config: the model's shape.
        clips: clips a step.
        masked: masked places a clip.
    """
    tokens = config.frames * math.prod(config.grid)
    inner = config.head_width * config.heads
    blocks = parse_layout(config.layout)
    project = config.width * inner  # one of query, key, value, output
    mlp = 2 * config.width * config.mlp_width
    layer = len(blocks) * 4 * project + mlp
    spared = (tokens - masked) * (project + mlp)  # in the last layer
    products = config.layers * (tokens + 1) * layer - spared
    products += config.layers * sum(_attention(config, block, tokens) for block in blocks)
    products += masked * (config.width**2 + config.width * config.rows)
    return 2 * clips * (products + _contrastive_head(config))


def _attention(config: ModelConfig, block: tuple[str, ...], tokens: int) -> float:
    """Multiply-adds of a block's scores and weighted sums."""
    sizes = dict(zip("THW", (config.frames, *config.grid), strict=True))
    total = 0.0
    for axes, heads in zip(block, split_evenly(config.heads, block), strict=True):
        line = math.prod(sizes[axis] for axis in axes)
        total += tokens / line * (line + 1) ** 2 * heads * config.head_width * 2
    return total


def _contrastive_head(config: ModelConfig) -> int:
    widths = [config.width] + [config.projection_width] * (config.projection_layers - 1)
    widths.append(config.projection_output)
    return sum(inner * outer for inner, outer in pairwise(widths))
