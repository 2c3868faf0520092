"""What a model is made of, told without building it."""

from typing import Any

import torch
from torch import nn

from .errors import TrainingError
from .model.config import model_config
from .pretraining.masking import mean_mask_share
from .pretraining.model import PretrainModel


def model_info(
    *,
    preset: str,
    frames: int,
    size: int,
    vocabulary: int,
    compression: int = 8,
    layout: str | None = None,
    mask_boxes: int = 5,
) -> dict[str, Any]:
    """Describe a model that need not be built.

    Args:
        preset: a name in `PRESETS`.
        frames: token frames of a clip.
        size: frame side in pixels, a multiple of `compression`.
        vocabulary: codes of the tokenizer.
        compression: pixels a token's side.
        layout: attention layout; none is the preset's.
        mask_boxes: boxes of a clip's block mask.

    Returns:
        The configuration, `backbone_parameters` and the heads' counts, and `mask_share`, the mean
        of 4096 draws.

    Raises:
        TrainingError: an unknown preset, or sizes that make no token grid.
    """
    if compression < 1 or size % compression or size < compression:
        raise TrainingError(f"frame size {size} is not a multiple of the compression {compression}")
    if mask_boxes < 1 or frames < 1:
        raise TrainingError("a clip needs at least 1 frame and its mask at least 1 box")
    changes = {} if layout is None else {"layout": layout}
    side = size // compression
    config = model_config(preset, vocabulary, frames=frames, grid=(side, side), **changes)
    with torch.device("meta"):
        built = PretrainModel(config)
    return {
        "preset": preset,
        **config.to_dict(),
        "backbone_parameters": count_parameters(built.backbone),
        "token_head_parameters": count_parameters(built.token_head),
        "contrastive_head_parameters": count_parameters(built.contrastive_head),
        "mask_blocks": mask_boxes,
        "mask_share": mean_mask_share((frames, side, side), mask_boxes),
    }


def count_parameters(module: nn.Module) -> int:
    """Learned numbers of a module."""
    return sum(parameter.numel() for parameter in module.parameters())
