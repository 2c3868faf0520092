"""Figures of a tokenizer, and of what it must beat: JPEG at equal bits, 8 x 8 mean colour."""

from __future__ import annotations

import io
import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from .interface import Tokenizer


def psnr(frames: Tensor, other: Tensor) -> float:
    """Peak signal to noise ratio in dB of two uint8 tensors of one shape, over all pixels."""
    error = (frames.double() - other.double()).square().mean().item()
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def mean_psnr(frames: Tensor, other: Tensor) -> float:
    """Mean over frames `(N, 3, H, W)` of each frame's PSNR, in dB."""
    return sum(map(psnr, frames, other)) / len(frames)


def codebook_use(count: Tensor, *, share: float = 0.1) -> float:
    """Share of codes whose count `(V,)` is above `share` of the mean count."""
    return (count > share * count.float().mean()).double().mean().item()


def perplexity(codes: Tensor, vocabulary: int) -> float:
    """Exponential of the entropy of the codes' distribution: V when all are used alike."""
    share = torch.bincount(codes.flatten(), minlength=vocabulary).double() / codes.numel()
    return torch.exp(torch.special.entr(share).sum()).item()


def token_bits(tokenizer: Tokenizer, frames: Tensor) -> float:
    """Bits that the codes of all frames `(N, 3, H, W)` take: tokens x log2(vocabulary)."""
    tokens = frames.numel() / (3 * tokenizer.compression**2)
    return tokens * math.log2(tokenizer.vocabulary)


def mean_colour(frames: Tensor, block: int = 8) -> Tensor:
    """Frames `(N, 3, H, W)` uint8 with each block replaced by its mean colour."""
    means = F.avg_pool2d(frames.float(), block)
    return F.interpolate(means, scale_factor=float(block)).round().to(torch.uint8)


def jpeg_at_bits(frames: Tensor, bits: float) -> Tensor:
    """Frames `(N, 3, H, W)` uint8 through JPEG at the best one quality within `bits` in all.

    Only the image data is counted, not headers or tables, which flatters JPEG. If even the
    lowest quality takes more, that is what is returned.
    """
    low, high = 1, 95
    while low < high:
        middle = (low + high + 1) // 2
        if sum(_jpeg(frame, middle)[1] for frame in frames) <= bits:
            low = middle
        else:
            high = middle - 1
    return torch.stack([_jpeg(frame, low)[0] for frame in frames])


def _jpeg(frame: Tensor, quality: int) -> tuple[Tensor, int]:
    """A frame `(3, H, W)` through JPEG, and the bits of its image data."""
    buffer = io.BytesIO()
    image = Image.fromarray(frame.permute(1, 2, 0).contiguous().numpy())
    image.save(buffer, "JPEG", quality=quality, optimize=True)
    data = buffer.getvalue()
    scan = data.index(b"\xff\xda")  # start of scan: image data follows its 14 byte header
    decoded = np.array(Image.open(buffer))
    return torch.from_numpy(decoded).permute(2, 0, 1), 8 * (len(data) - scan - 14)
