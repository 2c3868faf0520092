"""What stands on the backbone in pre-training: token prediction, contrastive projection."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..model.backbone import initialise
from ..model.config import ModelConfig


class TokenHead(nn.Module):
    """Hidden states to logits over the embedding's rows: linear, GELU, norm, tied embedding."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.transform = nn.Linear(config.width, config.width)
        self.norm = nn.LayerNorm(config.width, eps=1e-12)
        self.bias = nn.Parameter(torch.zeros(config.rows))
        initialise(self, config.init_std)

    def forward(self, hidden: Tensor, embedding: Tensor) -> Tensor:
        """`(M, d)` hidden states and the `(V + 5, d)` token embedding to `(M, V + 5)` logits."""
        return functional.linear(self.features(hidden), embedding, self.bias)

    def features(self, hidden: Tensor) -> Tensor:
        """`(M, d)` hidden states to what the embedding's rows are compared with, `(M, d)`."""
        features: Tensor = self.norm(functional.gelu(self.transform(hidden)))
        return features


class ContrastiveHead(nn.Module):
    """[CLS] to the contrastive space: an MLP with batch norm and ReLU between its layers."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        widths = [config.width] + [config.projection_width] * (config.projection_layers - 1)
        hidden = [
            module
            for inner, outer in pairwise(widths)
            for module in (nn.Linear(inner, outer), nn.BatchNorm1d(outer), nn.ReLU())
        ]
        self.layers = nn.Sequential(
            *hidden, nn.Linear(widths[-1], config.projection_output, bias=False)
        )
        initialise(self, config.init_std)

    def forward(self, cls: Tensor) -> Tensor:
        """`(N, d)` to `(N, projection_output)`, not normalised."""
        projected: Tensor = self.layers(cls)
        return projected
