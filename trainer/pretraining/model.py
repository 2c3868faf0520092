"""The model that is pre-trained: backbone, token head and contrastive head with their losses."""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from ..model.backbone import Backbone
from ..model.config import ModelConfig
from .heads import ContrastiveHead, TokenHead
from .losses import contrastive_loss


@dataclass(frozen=True, kw_only=True, slots=True)
class PretrainOutput:
    """Scalars of one batch of clips.

    Attributes:
        token_loss: mean cross-entropy over the masked positions, nats.
        token_accuracy: share of masked positions predicted right.
        contrastive_loss: see `losses.contrastive_loss`.
        contrastive_accuracy: share of clips whose nearest candidate is their positive.
        masked: number of masked positions.
    """

    token_loss: Tensor
    token_accuracy: Tensor
    contrastive_loss: Tensor
    contrastive_accuracy: Tensor
    masked: int


class PretrainModel(nn.Module):
    """Backbone with both heads; the token head shares the backbone's embedding."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config)
        self.token_head = TokenHead(config)
        self.contrastive_head = ContrastiveHead(config)

    def forward(self, clips: Tensor, mask: Tensor) -> PretrainOutput:
        """Predict the masked tokens of two clips a video and tell the videos apart.

        Args:
            clips: `(n, 2, T, H, W)` int64 codes, [PAD] included.
            mask: `(n, 2, T, H, W)` bool, true where a token is hidden; [PAD] is never hidden.

        Returns:
            The two losses and their accuracies.
        """
        codes, hidden_places = clips.flatten(0, 1), mask.flatten(0, 1)
        padding = self.backbone.padding_of(codes)
        if padding is not None:
            hidden_places = hidden_places & ~padding
        hidden, cls = self.backbone(codes.masked_fill(hidden_places, self.backbone.mask), padding)
        targets = codes[hidden_places]
        logits = self.token_logits(hidden[hidden_places])
        pairs = self.contrastive_head(cls).unflatten(0, (-1, 2))
        loss, accuracy = contrastive_loss(pairs[:, 0], pairs[:, 1])
        return PretrainOutput(
            token_loss=functional.cross_entropy(logits.float(), targets, reduction="sum")
            / max(len(targets), 1),
            token_accuracy=(logits.argmax(1) == targets).sum() / max(len(targets), 1),
            contrastive_loss=loss,
            contrastive_accuracy=accuracy,
            masked=len(targets),
        )

    def token_logits(self, hidden: Tensor) -> Tensor:
        """`(M, d)` hidden states to `(M, V + 5)` logits."""
        logits: Tensor = self.token_head(hidden, self.backbone.embedding.weight)
        return logits
