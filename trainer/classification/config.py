"""A resolved fine-tuning run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ...datasets import LabelSource
from ..errors import TrainingError
from ..loop.config import LoopConfig
from ..loop.optimizer import OptimizerConfig
from ..model.config import ModelConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class FinetuneConfig:
    """A resolved fine-tuning run.

    Attributes:
        labels: where the task's labels come from.
        classes: names in label order.
        init: the pre-training run the weights came from; none is from scratch.
        model: the backbone's shape; another number of frames or grid than that of `init` stretches
            its positional tables.
        optimizer, loop: see their classes.
        batch_size: videos a step, one clip each.
        stride: stored frames from one token frame of a clip to the next.
        views: stored views, of which one is drawn for each clip.
        classifier_dropout: before the classifier.
        label_smoothing: share of the target that is spread over all classes, in [0, 1).
        balance_classes: weigh videos so that all classes weigh alike, however many they have.
        freeze_backbone: train the classifier alone, on features that stay as they are.
        workers: data loading processes; the data do not depend on it.
    """

    labels: LabelSource
    classes: tuple[str, ...]
    init: str | None
    model: ModelConfig
    optimizer: OptimizerConfig
    loop: LoopConfig
    batch_size: int
    stride: int = 1
    views: tuple[str, ...] = ("center",)
    classifier_dropout: float = 0.0
    label_smoothing: float = 0.0
    balance_classes: bool = False
    freeze_backbone: bool = False
    workers: int = 0

    def __post_init__(self) -> None:
        for name in ("batch_size", "stride"):
            if getattr(self, name) < 1:
                raise TrainingError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("classifier_dropout", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise TrainingError(f"{name} must be in [0, 1), not {getattr(self, name)}")
        if self.workers < 0:
            raise TrainingError(f"workers must be at least 0, not {self.workers}")
        if len(self.classes) < 2:
            raise TrainingError(f"a classifier needs two classes, found {list(self.classes)}")

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values; `from_dict` inverts it."""
        return {**asdict(self), "model": self.model.to_dict()}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "FinetuneConfig":
        """Read the fields back from JSON.

        Raises:
            TrainingError: unknown fields or values out of range.
        """
        try:
            return cls(
                **{
                    **fields,
                    "labels": LabelSource(**fields["labels"]),
                    "classes": tuple(fields["classes"]),
                    "views": tuple(fields["views"]),
                    "model": ModelConfig.from_dict(fields["model"]),
                    "optimizer": OptimizerConfig.from_dict(fields["optimizer"]),
                    "loop": LoopConfig(**fields["loop"]),
                }
            )
        except (KeyError, TypeError) as error:
            raise TrainingError(f"fine-tuning configuration not understood: {error}") from None
