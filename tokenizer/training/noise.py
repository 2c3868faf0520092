"""Noise like that of video, which tokens should not follow."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

_BLOCK = 8  # pixels: that of the coarse noise, and of most video codecs' transforms
_COARSE = 0.5  # standard deviation of the coarse noise at its grid's points


def video_noise(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Noise `(B, 3, H, W)` of two kinds: a sensor's, each pixel by itself with a deviation of 1,
    and a codec's, brightness and colour that drift over whole blocks.

    The drift is small, but averaging over a block, as an encoder can, does not cancel it.
    """
    batch, channels, height, width = shape
    coarse = (batch, channels, -(-height // _BLOCK), -(-width // _BLOCK))
    drift = F.interpolate(
        torch.randn(coarse, generator=generator), size=(height, width), mode="bilinear"
    )
    return torch.randn(tuple(shape), generator=generator) + _COARSE * drift
