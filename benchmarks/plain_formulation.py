"""Pre-training's step written down plainly: the baseline of `pretraining_speed.py`.

It takes the weights of a `PretrainModel` and nothing else of the trainer: attention scores are
materialised line by line of the grid with [CLS] before each, logits exist at every position, masks
are drawn box by box in Python, dropout and AdamW are PyTorch's defaults, all in fp32.
"""

from __future__ import annotations

import random

import torch
from torch import Tensor, nn
from torch.nn import functional

TEMPERATURE = 0.2
IGNORED = -100


def plain_masks(clips: int, grid: tuple[int, int, int], boxes: int, rng: random.Random) -> Tensor:
    """Block masks `(clips, T, H, W)`, one token after the other."""
    frames, height, width = grid
    masks = torch.zeros(clips, *grid, dtype=torch.bool)
    for clip in range(clips):
        for _ in range(boxes):
            t_size = rng.randint(1, max(2 * frames // 3, 1))
            h_size = rng.randint(1, max(height // 2, 1))
            w_size = rng.randint(1, max(width // 2, 1))
            t_start = rng.randint(0, frames - t_size)
            h_start = rng.randint(0, height - h_size)
            w_start = rng.randint(0, width - w_size)
            for t in range(t_start, t_start + t_size):
                for i in range(h_start, h_start + h_size):
                    for j in range(w_start, w_start + w_size):
                        masks[clip, t, i, j] = True
    return masks


class PlainModel(nn.Module):
    """The layout `T,H|W` with post-norm and factorised positions, over given weights."""

    def __init__(self, weights: nn.Module, *, layers: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.weights = weights
        self.named = dict(weights.named_parameters())
        self.layers, self.heads, self.dropout = layers, heads, dropout

    def forward(self, codes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Masked codes and labels `(2n, T, H, W)` to the token loss and the contrastive loss."""
        tokens, cls = self.embed(codes)
        for layer in range(self.layers):
            name = f"backbone.layers.{layer}"
            tokens, cls = self.block(f"{name}.blocks.0", ["T"], tokens, cls)
            tokens, cls = self.block(f"{name}.blocks.1", ["H", "W"], tokens, cls)
            tokens, cls = self.mlp(name, tokens), self.mlp(name, cls)
        hidden = functional.gelu(self.linear("token_head.transform", tokens))
        hidden = self.norm("token_head.norm", hidden)
        logits = hidden @ self.named["backbone.embedding.weight"].T + self.named["token_head.bias"]
        token_loss = functional.cross_entropy(
            logits.flatten(0, 3), labels.flatten(), ignore_index=IGNORED
        )
        return token_loss, self.contrast(cls)

    def embed(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Token embedding and factorised positions."""
        time, rows, columns = (self.named[f"backbone.positions.tables.{k}"] for k in range(3))
        place = time[:, None, None] + rows[None, :, None] + columns[None, None]
        tokens = functional.embedding(codes, self.named["backbone.embedding.weight"]) + place
        cls = self.named["backbone.cls"] + self.named["backbone.positions.cls"]
        cls = cls.expand(len(codes), -1)
        return (
            self.drop(self.norm("backbone.input_norm", tokens)),
            self.drop(self.norm("backbone.input_norm", cls)),
        )

    def block(
        self, name: str, axes: list[str], tokens: Tensor, cls: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Attention along some axes, half the heads each where there are two."""
        outs, cls_outs = [], []
        for place, axis in enumerate(axes):
            out, cls_out = self.attend(name, place, axis, self.heads // len(axes), tokens, cls)
            outs.append(out)
            cls_outs.append(cls_out)
        out = self.drop(self.linear(f"{name}.output", torch.cat(outs, -1)))
        cls_out = self.drop(self.linear(f"{name}.output", torch.cat(cls_outs, -1)))
        return self.norm(f"{name}.norm", tokens + out), self.norm(f"{name}.norm", cls + cls_out)

    def attend(
        self, name: str, place: int, axis: str, heads: int, tokens: Tensor, cls: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Every line along the axis is a sequence of its own, led by [CLS]."""
        order = {"T": (0, 2, 3, 1, 4), "H": (0, 1, 3, 2, 4), "W": (0, 1, 2, 3, 4)}[axis]
        back = {"T": (0, 3, 1, 2, 4), "H": (0, 1, 3, 2, 4), "W": (0, 1, 2, 3, 4)}[axis]
        lines = tokens.permute(order)
        shape = lines.shape
        lead = cls[:, None, None, None].expand(-1, shape[1], shape[2], 1, -1)
        lines = torch.cat([lead, lines], 3)
        query, key, value = (
            projected.unflatten(-1, (heads, -1)).transpose(3, 4)
            for projected in self.project(name, place, lines)
        )  # (B, G1, G2, n, 1 + L, a / n)
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        allowed = torch.zeros(shape[0], shape[1], shape[2], 1, 1, shape[3] + 1)
        probabilities = (scores + allowed).softmax(-1)
        out = (probabilities @ value).transpose(3, 4).flatten(4)
        return out[:, :, :, 1:].permute(back), out[:, :, :, 0].mean((1, 2))

    def project(self, name: str, place: int, lines: Tensor) -> list[Tensor]:
        """Queries, keys and values."""
        return [
            self.linear(f"{name}.attentions.{place}.{part}", lines)
            for part in ("query", "key", "value")
        ]

    def mlp(self, name: str, x: Tensor) -> Tensor:
        """Linear, GELU, linear."""
        inner = functional.gelu(self.linear(f"{name}.expand", x))
        return self.norm(f"{name}.norm", x + self.drop(self.linear(f"{name}.contract", inner)))

    def contrast(self, cls: Tensor) -> Tensor:
        """InfoNCE in both directions over the batch."""
        head = self.weights.contrastive_head
        features = functional.normalize(head(cls))
        first, second = features[0::2], features[1::2]
        count = len(first)
        others = -torch.eye(count) * 1e9
        losses = []
        for queries, positives in ((first, second), (second, first)):
            logits = torch.cat([queries @ positives.T, queries @ queries.T + others], 1)
            losses.append(functional.cross_entropy(logits / TEMPERATURE, torch.arange(count)))
        return TEMPERATURE * (losses[0] + losses[1])

    def linear(self, name: str, x: Tensor) -> Tensor:
        """A linear layer of the given name."""
        return functional.linear(x, self.named[f"{name}.weight"], self.named[f"{name}.bias"])

    def norm(self, name: str, x: Tensor) -> Tensor:
        """A layer norm of the given name."""
        weight, bias = self.named[f"{name}.weight"], self.named[f"{name}.bias"]
        return functional.layer_norm(x, weight.shape, weight, bias, 1e-12)

    def drop(self, x: Tensor) -> Tensor:
        """Dropout in training."""
        return functional.dropout(x, self.dropout, self.training)


def plain_step(
    model: PlainModel,
    optimizer: torch.optim.Optimizer,
    codes: Tensor,
    masks: Tensor,
    mask_token: int,
) -> Tensor:
    """One step on codes `(2n, T, H, W)`; the loss."""
    labels = torch.where(masks, codes, IGNORED)
    hidden = torch.where(masks, mask_token, codes)
    optimizer.zero_grad()
    token_loss, contrastive = model(hidden, labels)
    loss = token_loss + contrastive
    loss.backward()
    nn.utils.clip_grad_norm_(model.weights.parameters(), 1.0)
    optimizer.step()
    return loss.detach()
