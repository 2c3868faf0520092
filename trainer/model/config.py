"""The model's configuration and its presets."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from ...datasets import SPECIAL_TOKENS
from ..errors import TrainingError
from .layout import parse_layout

Positions = Literal["factorised", "temporal_spatial", "full"]
Norm = Literal["post", "pre"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """Everything the backbone's shape depends on.

    Attributes:
        vocabulary: codes of the tokenizer; the embedding adds `SPECIAL_TOKENS` rows.
        frames, grid: the tokens of a clip, `T` and `(H, W)`.
        layers, width, heads: depth, model width and attention heads of a block.
        attention_width: summed width of a block's heads; 0 means the model's width.
        mlp_width: hidden width of the MLP.
        layout: see `parse_layout`.
        norm: `post` (the paper's) or `pre` layer norm.
        positions: which positional tables are learned.
        dropout: probability within the backbone.
        init_std: of linear and embedding weights; 0.02 is the paper's, for widths of 512 and more.
        projection_layers, projection_width, projection_output: the contrastive head's MLP.
    """

    vocabulary: int
    frames: int = 5
    grid: tuple[int, int] = (16, 16)
    layers: int = 6
    width: int = 512
    heads: int = 8
    attention_width: int = 0
    mlp_width: int = 2048
    layout: str = "T,H|W"
    norm: Norm = "post"
    positions: Positions = "factorised"
    dropout: float = 0.1
    init_std: float = 0.02
    projection_layers: int = 2
    projection_width: int = 2048
    projection_output: int = 256

    def __post_init__(self) -> None:
        parallel = max(len(block) for block in parse_layout(self.layout))
        for name in ("vocabulary", "frames", "layers", "width", "heads", "mlp_width"):
            if getattr(self, name) < 1:
                raise TrainingError(f"model: {name} must be at least 1, not {getattr(self, name)}")
        if min(self.grid) < 1:
            raise TrainingError(f"model: the token grid must be at least 1 x 1, not {self.grid}")
        if self.head_width * self.heads != (self.attention_width or self.width):
            raise TrainingError(
                f"model: the attention width {self.attention_width or self.width} "
                f"does not divide into {self.heads} heads"
            )
        if self.heads < parallel:
            raise TrainingError(
                f"model: layout {self.layout!r} splits a block's heads between {parallel} "
                f"attentions, {self.heads} are too few"
            )
        if self.norm not in get_args(Norm):
            raise TrainingError(f"model: norm must be post or pre, not {self.norm!r}")
        if self.positions not in get_args(Positions):
            raise TrainingError(
                f"model: positions must be one of {', '.join(get_args(Positions))}, "
                f"not {self.positions!r}"
            )
        if not 0 <= self.dropout < 1:
            raise TrainingError(f"model: dropout must be in [0, 1), not {self.dropout}")

    @property
    def head_width(self) -> int:
        """Width of one attention head."""
        return (self.attention_width or self.width) // self.heads

    @property
    def rows(self) -> int:
        """Rows of the token embedding: the vocabulary and the special tokens."""
        return self.vocabulary + SPECIAL_TOKENS

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values; `from_dict` inverts it exactly."""
        return {**asdict(self), "grid": list(self.grid)}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "ModelConfig":
        """Read what `to_dict` wrote.

        Raises:
            TrainingError: unknown fields or values out of range.
        """
        try:
            return cls(**{**fields, "grid": tuple(fields["grid"])})
        except (KeyError, TypeError) as error:
            raise TrainingError(f"model configuration not understood: {error}") from None


def debug(vocabulary: int) -> ModelConfig:
    """A model that trains in seconds on a CPU; for tests and trials."""
    return ModelConfig(
        vocabulary=vocabulary, layers=2, width=64, heads=4, mlp_width=128, projection_width=128
    )


def tiny(vocabulary: int) -> ModelConfig:
    """A model whose pre-training shows its worth within minutes on two CPU cores.

    Pre-norm, no dropout, and wider initial weights than the paper's, as 0.02 leaves so narrow a
    model all but linear.
    """
    return ModelConfig(
        vocabulary=vocabulary,
        layers=3,
        width=96,
        heads=4,
        mlp_width=384,
        norm="pre",
        dropout=0.0,
        init_std=0.1,
        projection_width=512,
    )


def small(vocabulary: int) -> ModelConfig:
    """The paper's small model: 6 layers of 512."""
    return ModelConfig(vocabulary=vocabulary)


def base(vocabulary: int) -> ModelConfig:
    """The paper's base model: 12 layers of 768."""
    return ModelConfig(vocabulary=vocabulary, layers=12, width=768, heads=12, mlp_width=3072)


def large(vocabulary: int) -> ModelConfig:
    """The paper's large model: 24 layers of 1024, 16 heads of 32."""
    return ModelConfig(
        vocabulary=vocabulary,
        layers=24,
        width=1024,
        heads=16,
        attention_width=512,
        mlp_width=2048,
        projection_layers=3,
        projection_width=4096,
    )


PRESETS: dict[str, Callable[[int], ModelConfig]] = {
    preset.__name__: preset for preset in (debug, tiny, small, base, large)
}


def model_config(preset: str, vocabulary: int, **changes: Any) -> ModelConfig:
    """A preset's configuration with some fields changed.

    Raises:
        TrainingError: an unknown preset, or fields out of range.
    """
    if preset not in PRESETS:
        raise TrainingError(f"unknown preset {preset!r}; there are {', '.join(PRESETS)}")
    return replace(PRESETS[preset](vocabulary), **changes)
