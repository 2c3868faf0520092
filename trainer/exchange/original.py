"""Checkpoints of VIMPAC's public release, pre-trained and fine-tuned, read into our modules."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..classification.model import Classifier
from ..errors import TrainingError
from ..model.config import ModelConfig
from ..pretraining.model import PretrainModel
from .original_shape import shape_of

RENAMED = [
    (r"^module\.", ""),
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
    (r"^cls_fc\.(?:\d+\.)?", "head.linear."),
]
TIED = {"mlm_head.decoder.weight", "mlm_head.decoder.bias"}
"""Copies of the token embedding and of `mlm_head.bias`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OriginalCheckpoint:
    """A checkpoint of the public release under our names.

    Attributes:
        config: the model's shape.
        weights: of a `PretrainModel`, or of a `Classifier`.
        classes: of the classifier; none of a pre-training checkpoint.
    """

    config: ModelConfig
    weights: dict[str, Tensor]
    classes: int | None

    def model(self) -> PretrainModel | Classifier:
        """The model with these weights, in evaluation mode."""
        model = (
            PretrainModel(self.config)
            if self.classes is None
            else Classifier(self.config, self.classes)
        )
        model.load_state_dict(self.weights)
        return model.eval()


def read_original(
    path: Path, *, heads: int | None = None, layout: str | None = None
) -> OriginalCheckpoint:
    """Read a `classifier.pt`, pre-trained or fine-tuned; nothing in it is executed.

    Args:
        path: the file.
        heads: attention heads, which weights do not tell; none takes the release's head widths.
        layout: attention layout, whose axes weights do not tell; none is the release's.

    Raises:
        TrainingError: the file is no checkpoint of the release, or not of such a shape.
    """
    try:
        state: Mapping[str, Tensor] = torch.load(path, weights_only=True, map_location="cpu")
    except FileNotFoundError:
        raise TrainingError(f"{path}: no such file") from None
    except Exception as error:
        reason = " ".join(str(error).split())
        raise TrainingError(
            f"{path}: not a checkpoint of the public release, nothing in it was run ({reason:.200})"
        ) from None
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(weight, Tensor) for name, weight in state.items()
    ):
        raise TrainingError(f"{path}: not a checkpoint of the public release: not a state dict")
    weights = {
        our_name(name): weight.flatten() if name.endswith("cls_pos_embedding") else weight
        for name, weight in state.items()
        if name.removeprefix("module.") not in TIED
    }
    try:
        config = shape_of(weights, heads=heads, layout=layout)
        head = weights.get("head.linear.weight")
        read = OriginalCheckpoint(
            config=config, weights=weights, classes=None if head is None else len(head)
        )
        read.model()
    except (KeyError, ValueError, IndexError, RuntimeError, TrainingError) as error:
        reason = " ".join(str(error).split())
        raise TrainingError(
            f"{path}: not a checkpoint of the public release ({reason:.300})"
        ) from None
    return read


def our_name(name: str) -> str:
    """Our name for one of the release's weights."""
    for pattern, ours in RENAMED:
        name = re.sub(pattern, ours, name)
    projection = re.fullmatch(r"cls_head\.mlp\.(linear|bn)_(\d+)\.(\w+)", name)
    if projection is None:
        return name
    kind, layer, weight = projection.groups()
    return f"contrastive_head.layers.{int(layer) * 3 + (kind == 'bn')}.{weight}"
