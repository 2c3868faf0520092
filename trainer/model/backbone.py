"""The spatio-temporal transformer over discrete tokens (VIMPAC, section 3.2)."""

import math

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ...datasets import mask_token, pad_token
from .attention import AttentionBlock
from .config import ModelConfig
from .dropout import Dropout
from .layout import parse_layout
from .recompute import gelu_then

TABLE_AXES = {
    "factorised": ((0,), (1,), (2,)),
    "temporal_spatial": ((0,), (1, 2)),
    "full": ((0, 1, 2),),
}
"""Axes of `(T, H, W)` that each learned table spans."""


class PositionTables(nn.Module):
    """Learned positions of `(T, H, W)` grid places and of [CLS].

    `factorised` sums a table an axis; `temporal_spatial` a table of frames and one of places;
    `full` has a row for every token of the clip. A table alone is a `(*axes, d)` parameter.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.axes = TABLE_AXES[config.positions]
        sizes = (config.frames, *config.grid)
        self.cls = nn.Parameter(torch.empty(config.width))
        self.tables = nn.ParameterList(
            torch.empty(*(sizes[axis] for axis in axes), config.width) for axes in self.axes
        )

    def forward(self) -> Tensor:
        """The summed tables, `(T, H, W, d)`, or sizes of 1 where an axis has none."""
        total = None
        for axes, table in zip(self.axes, self.tables, strict=True):
            shape = [table.shape[axes.index(axis)] if axis in axes else 1 for axis in range(3)]
            placed = table.reshape(*shape, -1)
            total = placed if total is None else total + placed
        assert total is not None
        return total


class Layer(nn.Module):
    """Attention blocks in their order, then an MLP; [CLS] goes through the same weights."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.pre_norm = config.norm == "pre"
        self.blocks = nn.ModuleList(
            AttentionBlock(block, config) for block in parse_layout(config.layout)
        )
        self.expand = nn.Linear(config.width, config.mlp_width)
        self.contract = nn.Linear(config.mlp_width, config.width)
        self.norm = nn.LayerNorm(config.width, eps=1e-12)
        self.dropout = Dropout(config.dropout)

    def forward(
        self, tokens: Tensor, cls: Tensor, padding: Tensor | None, places: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Go through the blocks, then the MLP.

        Args:
            tokens: `(B, T, H, W, d)`.
            cls: `(B, d)`.
            padding: `(B, T, H, W)` bool, or none.
            places: `(M,)`, flat numbers of the tokens whose states are wanted; none wants all.

        Returns:
            Tokens as they came, or `(M, d)` of those wanted, and [CLS].
        """
        last = len(self.blocks) - 1
        for number, block in enumerate(self.blocks):
            tokens, cls = block(tokens, cls, padding, places if number == last else None)
        return self._mlp(tokens), self._mlp(cls)

    def _mlp(self, x: Tensor) -> Tensor:
        inner = self.expand(self.norm(x) if self.pre_norm else x)
        x = x + self.dropout(gelu_then(self.contract, inner))
        return x if self.pre_norm else self.norm(x)


class Backbone(nn.Module):
    """Tokens of clips to hidden states and [CLS].

    Args:
        config: the shape; `config.vocabulary` fixes [PAD] and [MASK].

    Attributes:
        checkpoint_layers: keep only the layers' inputs in training, and compute them twice.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.checkpoint_layers = False
        self.pad = pad_token(config.vocabulary)
        self.mask = mask_token(config.vocabulary)
        self.embedding = nn.Embedding(config.rows, config.width)
        self.cls = nn.Parameter(torch.empty(config.width))
        self.positions = PositionTables(config)
        self.input_norm = nn.LayerNorm(config.width, eps=1e-12)
        self.dropout = Dropout(config.dropout)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.output_norm = (
            nn.LayerNorm(config.width, eps=1e-12) if config.norm == "pre" else nn.Identity()
        )
        initialise(self, config.init_std)
        self._initialise_own(config.init_std)

    def forward(
        self, codes: Tensor, padding: Tensor | None = None, places: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Encode clips.

        Args:
            codes: `(B, T, H, W)` int64, [MASK] and [PAD] included.
            padding: `(B, T, H, W)` bool, true at [PAD]; see `padding_of`. None costs nothing.
            places: `(M,)` int64, flat numbers of the tokens whose hidden states are wanted, which
                spares the last layer the others' projections; none wants all.

        Returns:
            Hidden states `(B, T, H, W, d)`, or `(M, d)` of those wanted, and [CLS] `(B, d)`.
        """
        tokens = self.dropout(self.input_norm(self.embedding(codes) + self.positions()))
        cls = self.dropout(self.input_norm(self.cls + self.positions.cls))
        cls = cls.expand(codes.shape[0], -1)
        for number, layer in enumerate(self.layers, 1):
            wanted = places if number == len(self.layers) else None
            if self.checkpoint_layers and torch.is_grad_enabled():
                tokens, cls = checkpoint(layer, tokens, cls, padding, wanted, use_reentrant=False)
            else:
                tokens, cls = layer(tokens, cls, padding, wanted)
        return self.output_norm(tokens), self.output_norm(cls)

    def padding_of(self, codes: Tensor) -> Tensor | None:
        """Where `codes` are [PAD], or none where none is; call it before moving to a device."""
        padding = codes == self.pad
        return padding if bool(padding.any()) else None

    def _initialise_own(self, std: float) -> None:
        tables = list(self.positions.tables)
        nn.init.normal_(self.cls, std=std)
        nn.init.normal_(self.positions.cls, std=std)
        for table in tables:
            nn.init.normal_(table, std=std / math.sqrt(len(tables)))
        if self.config.norm == "pre":
            self._scale_residual_outputs(std)

    def _scale_residual_outputs(self, std: float) -> None:
        outputs = [
            linear
            for layer in self.layers
            for linear in [*(block.output for block in layer.blocks), layer.contract]  # type: ignore[union-attr]
        ]
        for linear in outputs:
            nn.init.normal_(linear.weight, std=std / math.sqrt(len(outputs)))


def initialise(module: nn.Module, std: float) -> None:
    """Draw all linear and embedding weights below `module` from N(0, std); zero the biases."""
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Embedding):
            nn.init.normal_(part.weight, std=std)
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)
