"""The fine-tuned model: a backbone whose [CLS] is classified."""

from torch import Tensor, nn

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
        frozen: the backbone stays as it is, in evaluation mode, and only the head is trained.
    """

    def __init__(
        self, config: ModelConfig, classes: int, *, dropout: float = 0.0, frozen: bool = False
    ) -> None:
        super().__init__()
        self.config = config
        self.frozen = frozen
        self.backbone = Backbone(config).requires_grad_(not frozen)
        self.head = ClassifierHead(config.width, classes, dropout=dropout)

    def forward(self, clips: Tensor) -> Tensor:
        """`(N, T, H, W)` int64 codes, [PAD] included, to `(N, classes)` logits."""
        _, cls = self.backbone(clips, self.backbone.padding_of(clips))
        logits: Tensor = self.head(cls)
        return logits

    def train(self, mode: bool = True) -> "Classifier":
        """As of any module, but a frozen backbone drops nothing out."""
        super().train(mode)
        self.backbone.train(mode and not self.frozen)
        return self
