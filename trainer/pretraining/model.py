"""The model that is pre-trained: backbone, token head and contrastive head."""

from torch import Tensor, nn

from ..distributed import Distributed
from ..model.backbone import Backbone
from ..model.config import ModelConfig
from .heads import ContrastiveHead, TokenHead
from .losses import contrastive_loss, token_loss


class PretrainModel(nn.Module):
    """Backbone with both heads; the token head shares the backbone's embedding."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config)
        self.token_head = TokenHead(config)
        self.contrastive_head = ContrastiveHead(config)

    def forward(
        self, codes: Tensor, padding: Tensor | None, places: Tensor, targets: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Predict the tokens at some places; logits exist for those alone, a chunk at a time.

        Args:
            codes: `(N, T, H, W)` int64, [MASK] and [PAD] included.
            padding: `(N, T, H, W)` bool, true at [PAD]; none where there is none.
            places: `(M,)` int64, flat numbers of the places to predict.
            targets: `(M,)` int64, the codes there.

        Returns:
            The summed cross-entropy over the places in nats, how many were predicted right, both
            scalars, and [CLS] `(N, d)`.
        """
        hidden, cls = self.backbone(codes, padding, places)
        features = self.token_head.features(hidden)
        embedding = self.backbone.embedding.weight
        loss, hits = token_loss(features, embedding, self.token_head.bias, targets)
        return loss, hits, cls

    def contrast(self, cls: Tensor, distributed: Distributed) -> tuple[Tensor, Tensor]:
        """The contrastive loss of all ranks' clips, and its accuracy.

        [CLS] is gathered before the head, so that the head's batch norm sees the clips of all
        ranks, as if they were in one process.

        Args:
            cls: `(2n, d)`, the two clips of a video one after the other.
            distributed: the ranks.
        """
        pairs = self.contrastive_head(distributed.gather(cls)).unflatten(0, (-1, 2))
        return contrastive_loss(pairs[:, 0], pairs[:, 1])

    def token_logits(self, hidden: Tensor) -> Tensor:
        """`(M, d)` hidden states to `(M, V + 5)` logits."""
        logits: Tensor = self.token_head(hidden, self.backbone.embedding.weight)
        return logits
