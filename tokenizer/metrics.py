"""Figures of frames against their reconstructions, and of how codes are used."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

SSIM_WINDOW = 11
"""Pixels a side of the window SSIM looks through; frames must be at least as large."""


def psnr(frames: Tensor, other: Tensor) -> float:
    """Peak signal to noise ratio in dB of two uint8 tensors of one shape, over all pixels."""
    error = (frames.double() - other.double()).square().mean().item()
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def mean_psnr(frames: Tensor, other: Tensor) -> float:
    """Mean over frames `(N, 3, H, W)` of each frame's PSNR, in dB; 100 for one without error."""
    return sum(min(psnr(*pair), 100.0) for pair in zip(frames, other, strict=True)) / len(frames)


def codebook_use(count: Tensor, *, share: float = 0.1) -> float:
    """Share of codes whose count `(V,)` is above `share` of the mean count."""
    return (count > share * count.float().mean()).double().mean().item()


def perplexity(codes: Tensor, vocabulary: int) -> float:
    """Exponential of the entropy of the codes' distribution: V when all are used alike."""
    share = torch.bincount(codes.flatten(), minlength=vocabulary).double() / codes.numel()
    return torch.exp(torch.special.entr(share).sum()).item()


def mean_ssim(frames: Tensor, other: Tensor) -> float:
    """Mean over frames `(N, 3, H, W)` uint8 of each frame's structural similarity, at most 1.

    Source: Wang et al. 2004, section III.B: a Gaussian window of 11 pixels and a standard
    deviation of 1.5; here over each of red, green and blue, averaged.
    """
    offsets = torch.arange(SSIM_WINDOW, dtype=torch.float64) - SSIM_WINDOW // 2
    line = torch.exp(-offsets.square() / (2 * 1.5**2))
    line /= line.sum()

    def smooth(pixels: Tensor) -> Tensor:
        columns = F.conv2d(pixels.flatten(0, 1).unsqueeze(1), line.view(1, 1, -1, 1))
        return F.conv2d(columns, line.view(1, 1, 1, -1))

    x, y = frames.double(), other.double()
    mean_x, mean_y = smooth(x), smooth(y)
    variance_x = smooth(x * x) - mean_x.square()
    variance_y = smooth(y * y) - mean_y.square()
    covariance = smooth(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    similarity /= (mean_x.square() + mean_y.square() + c1) * (variance_x + variance_y + c2)
    return similarity.mean().item()


def unmoving_tokens(frames: Tensor, compression: int, *, levels: float = 1.0) -> Tensor:
    """Which tokens `(N - 1, h, w)` show what they showed a frame before.

    Args:
        frames: `(N, 3, H, W)` uint8, one after the other.
        compression: Pixels a token spans along each side.
        levels: Mean absolute difference of its pixels, in grey levels of 255, that a token's
            block may have and still count as unmoving.
    """
    difference = (frames[1:].float() - frames[:-1].float()).abs().mean(dim=1, keepdim=True)
    return F.avg_pool2d(difference, compression)[:, 0] <= levels
