"""What a tokenizer must beat: JPEG and WebP at equal bits, and the mean colour of each block."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

_WEBP_HEADER = 30  # bytes: RIFF and chunk headers, and the header of a VP8 key frame


def mean_colour(frames: Tensor, block: int = 8) -> Tensor:
    """Frames `(N, 3, H, W)` uint8 with each block replaced by its mean colour."""
    means = F.avg_pool2d(frames.float(), block)
    return F.interpolate(means, scale_factor=float(block)).round().to(torch.uint8)


def at_bits(frames: Sequence[Tensor], bits: float, image_format: str) -> list[Tensor]:
    """Frames `(1, 3, H, W)` uint8 through an image format at the best one quality within `bits`.

    Only the image data is counted, not headers or tables, which flatters the format. If even the
    lowest quality takes more, that is what is returned.

    Args:
        frames: Of any sizes.
        bits: In all.
        image_format: `JPEG` or `WEBP`.
    """
    low, high = 1, 95
    while low < high:
        middle = (low + high + 1) // 2
        if sum(_coded(frame, middle, image_format)[1] for frame in frames) <= bits:
            low = middle
        else:
            high = middle - 1
    return [_coded(frame, low, image_format)[0] for frame in frames]


def _coded(frame: Tensor, quality: int, image_format: str) -> tuple[Tensor, int]:
    """A frame `(1, 3, H, W)` through an image format, and the bits of its image data."""
    buffer = io.BytesIO()
    image = Image.fromarray(frame[0].permute(1, 2, 0).contiguous().numpy())
    image.save(buffer, image_format, quality=quality, optimize=True)
    decoded = np.array(Image.open(buffer).convert("RGB"))
    pixels = torch.from_numpy(decoded).permute(2, 0, 1)[None]
    return pixels, 8 * (len(buffer.getvalue()) - _header_bytes(buffer.getvalue(), image_format))


def _header_bytes(data: bytes, image_format: str) -> int:
    if image_format == "WEBP":
        return _WEBP_HEADER
    return data.index(b"\xff\xda") + 14  # start of scan, whose own header takes 14 bytes
