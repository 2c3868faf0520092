"""Layers of a VQGAN, under the names of the first release."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from .vqgan_config import VQGANConfig


class VQGANEncoder(nn.Module):
    """Pixels `(B, 3, H, W)` to latents `(B, c, h, w)`."""

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        groups, width = config.norm_groups, config.stem
        self.conv_in = nn.Conv2d(3, width, 3, padding=1)
        self.down = nn.ModuleList()
        for i, after in enumerate(config.channels):
            widths = [width] + [after] * config.blocks
            level = _Level(widths, config.encoder_attention[i], groups)
            if i < len(config.channels) - 1:
                level.downsample = _Halve(after)
            self.down.append(level)
            width = after
        self.mid = _Middle(width, config.middle_attention, groups)
        self.norm_out = _norm(width, groups)
        self.conv_out = nn.Conv2d(width, config.latent_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for level in self.down:
            x = level(x)
        out: Tensor = self.conv_out(F.silu(self.norm_out(self.mid(x))))
        return out


class VQGANDecoder(nn.Module):
    """Latents `(B, c, h, w)` to pixels `(B, 3, H, W)`."""

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        groups, width = config.norm_groups, config.channels[-1]
        self.conv_in = nn.Conv2d(config.latent_channels, width, 3, padding=1)
        self.mid = _Middle(width, config.middle_attention, groups)
        self.up = nn.ModuleList()
        for i, after in reversed(list(enumerate(config.channels))):
            widths = [width] + [after] * (config.blocks + 1)
            level = _Level(widths, config.decoder_attention[i], groups)
            if i > 0:
                level.upsample = _Double(after)
            self.up.insert(0, level)
            width = after
        self.norm_out = _norm(width, groups)
        self.conv_out = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.mid(self.conv_in(x))
        for level in reversed(self.up):
            x = level(x)
        out: Tensor = self.conv_out(F.silu(self.norm_out(x)))
        return out


class _Level(nn.Module):
    """Residual blocks of one resolution, attention after each where it attends, then a resizing."""

    def __init__(self, widths: Sequence[int], attends: bool, groups: int) -> None:
        super().__init__()
        pairs = list(pairwise(widths))
        self.block = nn.ModuleList(_Block(before, after, groups) for before, after in pairs)
        self.attn = nn.ModuleList(_Attention(after, groups) for _, after in pairs if attends)
        self.downsample: nn.Module = nn.Identity()
        self.upsample: nn.Module = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        for i, block in enumerate(self.block):
            x = block(x)
            if len(self.attn):
                x = self.attn[i](x)
        out: Tensor = self.upsample(self.downsample(x))
        return out


class _Middle(nn.Module):
    """The innermost blocks, at the codes' resolution."""

    def __init__(self, width: int, attends: bool, groups: int) -> None:
        super().__init__()
        self.block_1 = _Block(width, width, groups)
        self.attn_1 = _Attention(width, groups) if attends else nn.Identity()
        self.block_2 = _Block(width, width, groups)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.block_2(self.attn_1(self.block_1(x)))
        return out


class _Block(nn.Module):
    """Residual block of two normalised convolutions."""

    def __init__(self, before: int, after: int, groups: int) -> None:
        super().__init__()
        self.norm1 = _norm(before, groups)
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.norm2 = _norm(after, groups)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.nin_shortcut = nn.Conv2d(before, after, 1) if before != after else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(F.silu(self.norm1(x)))
        out = self.conv2(F.silu(self.norm2(out)))
        return self.nin_shortcut(x) + out


class _Attention(nn.Module):
    """Every place of the frame attends to every other, one head."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.norm = _norm(width, groups)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm(x)
        q, k, v = (layer(normed).flatten(2).transpose(1, 2) for layer in (self.q, self.k, self.v))
        seen = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
        out: Tensor = x + self.proj_out(seen)
        return out


class _Halve(nn.Module):
    """A convolution of stride 2, the frame padded on its right and bottom."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(F.pad(x, (0, 1, 0, 1)))
        return out


class _Double(nn.Module):
    """Nearest neighbours, then a convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return out


def _norm(width: int, groups: int) -> nn.GroupNorm:
    return nn.GroupNorm(groups, width, eps=1e-6)
