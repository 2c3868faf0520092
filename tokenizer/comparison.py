"""How far two tokenizers, or one in two precisions, agree."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .interface import Tokenizer, TokenizerError


def codes_differing(tokenizer: Tokenizer, other: Tokenizer, frames: Tensor) -> float:
    """Share of the codes of frames `(N, 3, H, W)` uint8 that two tokenizers choose differently.

    Raises:
        TokenizerError: Their codes have no common grid or vocabulary, or the frames do not fit.
    """
    sizes = [
        (one.vocabulary, one.compression, one.temporal_compression) for one in (tokenizer, other)
    ]
    if sizes[0] != sizes[1]:
        raise TokenizerError(
            f"codes of {tokenizer.name} and {other.name} cannot be compared: vocabulary, "
            f"compression and temporal compression are {sizes[0]} and {sizes[1]}"
        )
    differing = tokenizer.encode(frames).cpu() != other.encode(frames).cpu()
    return differing.double().mean().item() if differing.numel() else 0.0


def generated_pictures(count: int, size: int) -> Tensor:
    """Smooth colours with texture `(count, 3, size, size)` uint8, the same every time."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 6, 6, generator=generator)
    smooth = F.interpolate(coarse, size=(size, size), mode="bicubic")
    texture = 0.05 * torch.randn(count, 3, size, size, generator=generator)
    return (255 * (smooth + texture)).round().clamp(0, 255).to(torch.uint8)
