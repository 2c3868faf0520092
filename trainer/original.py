"""The weight names of VIMPAC's public release, read into our modules."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from .errors import TrainingError
from .model.config import ModelConfig
from .pretraining.model import PretrainModel

RENAMED = [
    (r"^backbone\.cls_param$", "backbone.cls"),
    (r"^backbone\.positional_embedding\.cls_pos_embedding$", "backbone.positions.cls"),
    (r"^backbone\.positional_embedding\.temporal_pos_embedding$", "backbone.positions.tables.0"),
    (r"^backbone\.positional_embedding\.height_pos_embedding$", "backbone.positions.tables.1"),
    (r"^backbone\.positional_embedding\.width_pos_embedding$", "backbone.positions.tables.2"),
    (r"^backbone\.ln_pre\.", "backbone.input_norm."),
    (r"\.transformer\.resblocks\.", ".layers."),
    (r"\.attention_blocks\.", ".blocks."),
    (r"\.attention\.(query|key|value)\.", r".\1."),
    (r"\.output\.dense\.", ".output."),
    (r"\.output\.LayerNorm\.", ".norm."),
    (r"\.mlp\.c_fc\.", ".expand."),
    (r"\.mlp\.c_proj\.", ".contract."),
    (r"(layers\.\d+)\.ln\.", r"\1.norm."),
    (r"^mlm_head\.transform\.0\.", "token_head.transform."),
    (r"^mlm_head\.transform\.2\.", "token_head.norm."),
    (r"^mlm_head\.bias$", "token_head.bias"),
]
TIED = {"mlm_head.decoder.weight", "mlm_head.decoder.bias"}
"""Copies of the token embedding and of `mlm_head.bias`."""


def load_original(path: Path, config: ModelConfig) -> PretrainModel:
    """Read a pre-training `classifier.pt` of the public release; nothing in it is executed.

    Raises:
        TrainingError: the file is not such a checkpoint, or not of `config`'s shape.
    """
    try:
        state: dict[str, Tensor] = torch.load(path, weights_only=True, map_location="cpu")
        model = PretrainModel(config)
        model.load_state_dict(dict(_renamed(state)))
    except FileNotFoundError:
        raise TrainingError(f"{path}: no such file") from None
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise TrainingError(f"{path}: not a checkpoint of the public release ({reason})") from None
    return model


def _renamed(state: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Our names for the release's weights."""
    for name, weight in state.items():
        if name in TIED:
            continue
        yield _our_name(name), weight.flatten() if name.endswith("cls_pos_embedding") else weight


def _our_name(name: str) -> str:
    for pattern, ours in RENAMED:
        name = re.sub(pattern, ours, name)
    projection = re.fullmatch(r"cls_head\.mlp\.(linear|bn)_(\d+)\.(\w+)", name)
    if projection is None:
        return name
    kind, layer, weight = projection.groups()
    return f"contrastive_head.layers.{int(layer) * 3 + (kind == 'bn')}.{weight}"
