"""A resolved pre-training run, and the paper's own settings."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ...datasets import LabelSource
from ..errors import TrainingError
from ..loop.config import LoopConfig
from ..loop.optimizer import OptimizerConfig
from ..model.config import ModelConfig
from .masking import MaskConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How the paper trains a model; rates are for its batch."""

    epochs: int
    batch_size: int
    optimizer: OptimizerConfig


SMALL_RECIPE = Recipe(
    epochs=10,
    batch_size=1024,
    optimizer=OptimizerConfig(lr=1e-3, weight_decay=0.05, betas=(0.9, 0.98), warmup_share=0.1),
)
LARGE_RECIPE = Recipe(
    epochs=100,
    batch_size=1024,
    optimizer=replace(SMALL_RECIPE.optimizer, lr=3e-4, warmup_share=0.05),
)


def recipe_for(preset: str) -> Recipe:
    """The paper's recipe for `large`, and that of its small model for all others."""
    return LARGE_RECIPE if preset == "large" else SMALL_RECIPE


@dataclass(frozen=True, kw_only=True, slots=True)
class PretrainConfig:
    """A resolved pre-training run.

    Attributes:
        model: the model's shape; `frames` is the clip's length in token frames.
        optimizer, loop, mask: see their classes.
        batch_size: videos a step on all ranks together, two clips each.
        stride: stored frames from one token frame of a clip to the next.
        max_distance: largest distance in stored frames between the two clips; none is no limit.
        exclude: pattern of keys to leave out, see `datasets.select_videos`; none takes all.
        validation: pattern of keys that are held out, and on which the losses are measured at
            every checkpoint; none measures nothing.
        knn: labels of the store's videos; nearest neighbours of [CLS] are to tell the classes of
            the held-out ones at every checkpoint; none measures nothing.
        token_weight, contrastive_weight: of the two losses in the total.
        codebook_embedding: start the token embedding from the tokenizer's codebook, see
            `embedding_from_codebook`; off in the paper.
        init: a pre-training run whose weights, moments and schedule this one goes on with; an
            imported model has weights alone.
        workers: data loading processes; the data do not depend on it.
    """

    model: ModelConfig
    optimizer: OptimizerConfig
    loop: LoopConfig
    batch_size: int
    mask: MaskConfig = field(default_factory=MaskConfig)
    stride: int = 1
    max_distance: int | None = None
    exclude: str | None = None
    validation: str | None = None
    knn: LabelSource | None = None
    token_weight: float = 1.0
    contrastive_weight: float = 1.0
    codebook_embedding: bool = False
    init: str | None = None
    workers: int = 0

    def __post_init__(self) -> None:
        for name in ("batch_size", "stride"):
            if getattr(self, name) < 1:
                raise TrainingError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("max_distance", "token_weight", "contrastive_weight", "workers"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise TrainingError(f"{name} must not be negative, found {value}")
        if self.token_weight == self.contrastive_weight == 0:
            raise TrainingError("both losses have weight 0: there is nothing to learn")
        if self.knn is not None and self.loop.sharding == "fsdp":
            raise TrainingError(
                "nearest neighbours are not measured on a sharded model: drop --knn"
            )

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values; `from_dict` inverts it exactly."""
        return {**asdict(self), "model": self.model.to_dict()}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "PretrainConfig":
        """Read what `to_dict` wrote.

        Raises:
            TrainingError: unknown fields or values out of range.
        """
        try:
            return cls(
                **{
                    **fields,
                    "model": ModelConfig.from_dict(fields["model"]),
                    "optimizer": OptimizerConfig.from_dict(fields["optimizer"]),
                    "loop": LoopConfig(**fields["loop"]),
                    "mask": MaskConfig(**fields["mask"]),
                    "knn": LabelSource(**knn) if (knn := fields["knn"]) else None,
                }
            )
        except (KeyError, TypeError) as error:
            raise TrainingError(f"pre-training configuration not understood: {error}") from None
