"""The fine-tuned model: a backbone whose [CLS] is classified."""

from torch import Tensor, nn

from ..errors import TrainingError
from ..model.backbone import Backbone
from ..model.config import ModelConfig


class ClassifierHead(nn.Module):
    """[CLS] to class logits: dropout, then a linear layer that starts at zero."""

    def __init__(self, width: int, classes: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(width, classes)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, cls: Tensor) -> Tensor:
        """`(N, d)` to `(N, classes)`."""
        logits: Tensor = self.linear(self.dropout(cls))
        return logits


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
