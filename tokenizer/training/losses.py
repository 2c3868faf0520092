"""What training makes small. Shapes: B crops, d latent channels, h x w tokens."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..vqvae import COMPRESSION

_STILL = 2 / 255  # mean absolute difference of pixels below which a token's block stands still
_LEAST_ERROR = 2e-4  # squared error (37 dB) below which a crop earns little more


def reconstruction_loss(pixels: Tensor, clean: Tensor) -> Tensor:
    """Mean over crops `(B, 3, H, W)` of the log of the squared error: what mean PSNR measures."""
    error = (pixels - clean).square().mean(dim=(1, 2, 3))
    return 0.04 * torch.log(error + _LEAST_ERROR).mean()


def consistency_loss(latents: Tensor, chosen: Tensor, still: Tensor) -> Tensor:
    """Squared distance of latents to the codes chosen in the frame before, where nothing moved.

    Args:
        latents: `(N, d)`, of the later frames.
        chosen: `(N, d)` code vectors of the same tokens in the frames before.
        still: `(N,)` 1 where a token's block stands still, else 0.
    """
    return ((latents - chosen).square().mean(dim=1) * still).mean()


def still_tokens(frames: Tensor, later: Tensor) -> Tensor:
    """Which tokens `(B * h * w,)` of frames `(B, 3, H, W)` show the same a frame later."""
    difference = (later - frames).abs().mean(dim=1, keepdim=True)
    return (F.avg_pool2d(difference, COMPRESSION) < _STILL).flatten().to(frames.dtype)
