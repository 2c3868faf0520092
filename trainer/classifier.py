"""The fine-tuned model: a backbone whose [CLS] is classified."""

from torch import Tensor, nn

from .backbone import Backbone
from .errors import TrainingError
from .heads import ClassifierHead
from .model_config import ModelConfig


class Classifier(nn.Module):
    """Backbone and classifier head.

    Args:
        config: the backbone's shape.
        classes: number of classes.
        dropout: before the classifier.
    """

    def __init__(self, config: ModelConfig, classes: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config)
        self.head = ClassifierHead(config.width, classes, dropout=dropout)

    def forward(self, clips: Tensor) -> Tensor:
        """`(N, T, H, W)` int64 codes, [PAD] included, to `(N, classes)` logits."""
        _, cls = self.backbone(clips, self.backbone.padding_of(clips))
        logits: Tensor = self.head(cls)
        return logits

    def load_backbone(self, weights: dict[str, Tensor]) -> None:
        """Take the backbone's weights out of a pre-training checkpoint.

        Raises:
            TrainingError: they are of another shape.
        """
        prefix = "backbone."
        own = {
            name.removeprefix(prefix): weight
            for name, weight in weights.items()
            if name.startswith(prefix)
        }
        try:
            self.backbone.load_state_dict(own)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise TrainingError(f"the pre-trained weights do not fit: {reason}") from None
