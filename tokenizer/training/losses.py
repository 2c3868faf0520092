"""What training makes small. Shapes: B crops, d latent channels, h x w tokens."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..vqvae import COMPRESSION

_STILL = 2 / 255  # mean absolute difference of pixels below which a token's block stands still
_LEAST_ERROR = 2e-3  # squared error (27 dB) below which a crop earns little more


def reconstruction_loss(pixels: Tensor, clean: Tensor, progress: float) -> Tensor:
    """From what is learned fast to what is measured.

    At first squared, absolute and gradients' absolute error: sharp edges come early. At last the
    mean over crops of the log of the squared error, which is what a mean PSNR measures.

    Args:
        pixels: Reconstructions `(B, 3, H, W)`.
        clean: What they should be.
        progress: From 0 at the first step to 1 after the last.
    """
    difference = pixels - clean
    gradients = difference.diff(dim=2).abs().mean() + difference.diff(dim=3).abs().mean()
    squared = difference.square().mean(dim=(1, 2, 3))
    first = 10 * squared.mean() + 0.5 * difference.abs().mean() + 0.25 * gradients
    last = 0.05 * torch.log(squared / _LEAST_ERROR + 1).mean()
    return torch.lerp(first, last, progress)


def consistency_loss(latents: Tensor, later: Tensor, still: Tensor) -> Tensor:
    """Mean squared distance of latents to those of the next frame, counted where nothing moved.

    Args:
        latents: `(N, d)`.
        later: `(N, d)`, of the same tokens a frame later.
        still: `(N,)` 1 where a token's block stands still, else 0.
    """
    return ((latents - later).square().sum(dim=1) * still).mean()


def still_tokens(frames: Tensor, later: Tensor) -> Tensor:
    """Which tokens `(B * h * w,)` of frames `(B, 3, H, W)` show the same a frame later."""
    difference = (later - frames).abs().mean(dim=1, keepdim=True)
    return (F.avg_pool2d(difference, COMPRESSION) < _STILL).flatten().to(frames.dtype)
