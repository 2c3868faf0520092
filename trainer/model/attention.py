"""Axial attention: every line of tokens along some axes is a short sequence led by [CLS].

Shapes: B clips, T frames, H x W tokens a frame, d model width, a attention width, n heads,
L tokens a line, G lines a clip (L * G = T * H * W).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import ModelConfig
from .dropout import Dropout
from .layout import AXES, Axes, split_evenly

DIMENSION = {"T": 1, "H": 2, "W": 3}


class AxisAttention(nn.Module):
    """Multi-head attention along one set of axes (VIMPAC, section 3.2).

    [CLS] stands before every line; its outputs of all lines are averaged. Keys that are [PAD] are
    masked out, [CLS] never is.
    """

    def __init__(self, axes: Axes, *, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.axes = axes
        self.heads = heads
        self.query = nn.Linear(width, heads * head_width)
        self.key = nn.Linear(width, heads * head_width)
        self.value = nn.Linear(width, heads * head_width)

    def forward(self, tokens: Tensor, cls: Tensor, padding: Tensor | None) -> tuple[Tensor, Tensor]:
        """Attend.

        Args:
            tokens: `(B, T, H, W, d)`.
            cls: `(B, d)`.
            padding: `(B, T, H, W)` bool, true at [PAD]; none where a batch has no padding.

        Returns:
            `(B, T, H, W, a)` and `(B, a)`.
        """
        batch, *grid = tokens.shape[:4]
        parts = (self.query, self.key, self.value)
        weight = torch.cat([part.weight for part in parts])  # one product in place of three
        bias = torch.cat([part.bias for part in parts])
        lines = self._lines(
            functional.linear(tokens, weight, bias), functional.linear(cls, weight, bias)
        ).unflatten(-1, (3, self.heads, -1))
        query, key, value = lines.transpose(1, 3).unbind(2)  # each (B * G, n, 1 + L, a / n)
        mask = None if padding is None else self._key_mask(padding)
        out = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        out = out.transpose(1, 2).flatten(2)  # (B * G, 1 + L, a)
        out_cls = out[:, 0].reshape(batch, -1, out.shape[-1]).mean(1)
        return self._grid(out[:, 1:], batch, grid), out_cls

    def _lines(self, tokens: Tensor, cls: Tensor) -> Tensor:
        """Cut `(B, T, H, W, c)` into lines led by [CLS] `(B, c)`: `(B * G, 1 + L, c)`."""
        axes = tokens.permute(0, *self._order, 4)
        others = axes.shape[1 : 1 + self._across]
        lead = cls.view(cls.shape[0], *[1] * len(others), 1, -1).expand(-1, *others, 1, -1)
        if len(self.axes) > 1:
            axes = axes.flatten(1 + self._across, 3)
        return torch.cat([lead, axes], -2).flatten(0, len(others))

    def _grid(self, lines: Tensor, batch: int, grid: list[int]) -> Tensor:
        """Lay `(B * G, L, a)` back onto the grid: `(B, T, H, W, a)`."""
        sizes = [grid[dimension - 1] for dimension in self._order]
        laid = lines.reshape(batch, *sizes, lines.shape[-1])
        back = [1 + self._order.index(dimension) for dimension in (1, 2, 3)]
        return laid.permute(0, *back, 4)

    def _key_mask(self, padding: Tensor) -> Tensor:
        """The keys that may be attended to: `(B * G, 1, 1, 1 + L)` bool, true = attend."""
        lines = padding.permute(0, *self._order).flatten(1 + self._across, 3).flatten(0, -2)
        return functional.pad(~lines, (1, 0), value=True)[:, None, None]

    @property
    def _order(self) -> list[int]:
        """Dimensions of the grid, those attended along last."""
        others = [DIMENSION[axis] for axis in AXES if axis not in self.axes]
        return others + [DIMENSION[axis] for axis in self.axes]

    @property
    def _across(self) -> int:
        """How many dimensions are not attended along."""
        return len(AXES) - len(self.axes)


class AttentionBlock(nn.Module):
    """Parallel attentions along several axes sharing a block's heads, with residual and norm."""

    def __init__(self, block: tuple[Axes, ...], config: ModelConfig) -> None:
        super().__init__()
        self.pre_norm = config.norm == "pre"
        self.attentions = nn.ModuleList(
            AxisAttention(axes, width=config.width, heads=heads, head_width=config.head_width)
            for axes, heads in zip(block, split_evenly(config.heads, block), strict=True)
        )
        self.output = nn.Linear(config.head_width * config.heads, config.width)
        self.norm = nn.LayerNorm(config.width, eps=1e-12)
        self.dropout = Dropout(config.dropout)

    def forward(
        self, tokens: Tensor, cls: Tensor, padding: Tensor | None, places: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Attend, project, add and normalise; shapes as in `AxisAttention.forward`.

        With `places` `(M,)`, flat numbers of tokens, only those are given: `(M, d)`.
        """
        inputs = (self.norm(tokens), self.norm(cls)) if self.pre_norm else (tokens, cls)
        attended = [attention(*inputs, padding) for attention in self.attentions]
        out = torch.cat([out for out, _ in attended], -1)
        if places is not None:
            out, tokens = (x.flatten(0, 3).index_select(0, places) for x in (out, tokens))
        return (
            self._residual(tokens, out),
            self._residual(cls, torch.cat([out for _, out in attended], -1)),
        )

    def _residual(self, x: Tensor, attended: Tensor) -> Tensor:
        x = x + self.dropout(self.output(attended))
        return x if self.pre_norm else self.norm(x)
