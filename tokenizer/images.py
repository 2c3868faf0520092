"""Reading the pictures a tokenizer is trained on or measured with."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

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
    return np.asarray(shrink(rgb, shorter_side))


def shrink(image: Image.Image, shorter_side: int) -> Image.Image:
    """The image with `shorter_side` pixels along its shorter side, or as it is if smaller."""
    scale = shorter_side / min(image.size)
    if scale >= 1:
        return image
    size = (round(image.width * scale), round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS)
