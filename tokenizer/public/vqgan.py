"""VQGAN (Esser et al. 2021; latent diffusion's VQ models are the same network).

Shapes: B frames of H x W pixels; h = H / f, w = W / f
with f = 2 ** (levels - 1); d channels of a code; V codes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..quantizer import nearest_codes
from .coding_model import CodingModel
from .vqgan_config import VQGANConfig
from .vqgan_layers import VQGANDecoder, VQGANEncoder


class VQGANModel(CodingModel):
    """Encoder, quantiser and decoder."""

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        self.compression = 2 ** (len(config.channels) - 1)
        self.encoder = VQGANEncoder(config)
        self.quant_conv = nn.Conv2d(config.latent_channels, config.code_channels, 1)
        self.quantize = _Gumbel(config) if config.gumbel else _Nearest(config)
        self.post_quant_conv = nn.Conv2d(config.code_channels, config.latent_channels, 1)
        self.decoder = VQGANDecoder(config)

    @property
    def codebook(self) -> Tensor | None:
        """Code vectors `(V, d)` float32; None for the Gumbel form."""
        return self.quantize.embedding.weight if isinstance(self.quantize, _Nearest) else None

    def codes(self, pixels: Tensor) -> Tensor:
        """Pixels `(B, 3, H, W)` in [0, 1] to codes `(B, h, w)`."""
        latents = self.latents(pixels)
        with torch.autocast(pixels.device.type, enabled=False):
            codes: Tensor = self.quantize(latents)
        return codes

    def latents(self, pixels: Tensor) -> Tensor:
        """Pixels `(B, 3, H, W)` in [0, 1] to latents `(B, h, w, d)` float32, not quantised."""
        latents: Tensor = self.quant_conv(self.encoder(2 * pixels - 1))
        return latents.float().permute(0, 2, 3, 1)

    def pixels(self, codes: Tensor) -> Tensor:
        """Codes `(B, h, w)` to pixels `(B, 3, H, W)` in [0, 1]."""
        vectors = F.embedding(codes, self.quantize.vectors).permute(0, 3, 1, 2)
        out: Tensor = self.decoder(self.post_quant_conv(vectors))
        return (0.5 * out + 0.5).clamp(0, 1)


class _Nearest(nn.Module):
    """Codes are the nearest vectors."""

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.vocabulary, config.code_channels)

    @property
    def vectors(self) -> Tensor:
        return self.embedding.weight

    def forward(self, latents: Tensor) -> Tensor:
        return nearest_codes(latents, self.vectors)


class _Gumbel(nn.Module):
    """Codes are the most probable ones; training drew them at random."""

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        self.proj = nn.Conv2d(config.code_channels, config.vocabulary, 1)
        self.embed = nn.Embedding(config.vocabulary, config.code_channels)

    @property
    def vectors(self) -> Tensor:
        return self.embed.weight

    def forward(self, latents: Tensor) -> Tensor:
        logits: Tensor = self.proj(latents.permute(0, 3, 1, 2))
        return logits.argmax(dim=1)
