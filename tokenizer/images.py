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
    images = []
    for path in map(Path, paths):
        files = image_files(path)
        if not files:
            raise TokenizerError(f"{path}: no images in this folder")
        images += [read_image(file, shorter_side=shorter_side) for file in files]
    return images


def image_files(path: Path) -> list[Path]:
    """The file itself, or the image files below a folder, sorted.

    Raises:
        TokenizerError: There is no such path.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise TokenizerError(f"{path}: no such file or folder")
    return sorted(file for file in path.rglob("*") if is_image_name(file))


def is_image_name(path: Path) -> bool:
    """Whether a file is called as image files are."""
    return path.suffix.lower() in SUFFIXES


def read_image(path: Path, *, shorter_side: int = 768) -> RGBImage:
    """Read one image, see `read_images`.

    Raises:
        TokenizerError: The file is no whole image.
    """
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
