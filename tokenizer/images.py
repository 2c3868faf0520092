"""Training images: reading them, and drawing crops from them as a pure function of the step."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from .interface import TokenizerError

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})
RGBImage = NDArray[np.uint8]


def read_images(paths: Iterable[Path | str], *, shorter_side: int = 768) -> list[RGBImage]:
    """Read image files, and the image files below folders, in sorted order.

    Args:
        paths: Files and folders.
        shorter_side: Larger images are reduced to this many pixels along their shorter side.

    Returns:
        RGB images `(H, W, 3)` uint8.

    Raises:
        TokenizerError: A path is missing, a folder holds no image, or a file is no whole image.
    """
    return [_read(file, shorter_side) for path in paths for file in _image_files(Path(path))]


def _image_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise TokenizerError(f"{path}: no such file or folder")
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
    if not files:
        raise TokenizerError(f"{path}: no images in this folder")
    return files


def _read(path: Path, shorter_side: int) -> RGBImage:
    try:
        with Image.open(path) as image:
            rgb = image.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise TokenizerError(f"{path}: not a whole image ({error})") from error
    scale = shorter_side / min(rgb.size)
    if scale < 1:
        size = (round(rgb.width * scale), round(rgb.height * scale))
        rgb = rgb.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(rgb)


def check_images(images: Sequence[RGBImage]) -> None:
    """Refuse anything that is not a non-empty sequence of `(H, W, 3)` uint8 arrays."""
    if not images:
        raise TokenizerError("no images to train on")
    for position, image in enumerate(images):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            given = f"{image.dtype} {image.shape}"
            raise TokenizerError(f"image {position} must be uint8 (H, W, 3), not {given}")


def digest_images(images: Sequence[RGBImage]) -> str:
    """Sha256 (hex) over the shapes and pixels of all images, in order."""
    digest = hashlib.sha256()
    for image in images:
        digest.update(f"{image.shape}\n".encode())
        digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def draw_crops(
    images: Sequence[Image.Image], *, batch_size: int, crop: int, seed: int, step: int
) -> Tensor:
    """Draw a batch `(B, 3, crop, crop)` uint8: the same for the same seed and step, always.

    Each crop is a square of an image drawn uniformly. Its side before reduction is log-uniform
    between `crop` and the whole shorter side, so frames reduced by any factor look familiar.
    Half are mirrored; brightness and colour balance vary a little.
    """
    random = np.random.default_rng([seed, step])
    crops = np.stack([_draw_crop(images, crop, random) for _ in range(batch_size)])
    return torch.from_numpy(crops).permute(0, 3, 1, 2).contiguous()


def _draw_crop(
    images: Sequence[Image.Image], crop: int, random: np.random.Generator
) -> NDArray[np.uint8]:
    image = images[int(random.integers(len(images)))]
    shorter = min(image.size)
    ratio = max(1.0, shorter / crop)
    side = shorter / ratio ** float(random.random())
    left, top = (random.random(2) * (np.array(image.size) - side)).tolist()
    box = (left, top, min(left + side, image.width), min(top + side, image.height))
    square = image.resize((crop, crop), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
    pixels = np.asarray(square, dtype=np.float32) / 255
    if random.random() < 0.5:
        pixels = pixels[:, ::-1]
    exponent = np.exp(random.normal(0, 0.15) + random.normal(0, 0.05, size=3))
    return np.rint(255 * pixels ** exponent.astype(np.float32)).astype(np.uint8)
