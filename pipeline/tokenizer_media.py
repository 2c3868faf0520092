"""Pictures to train a tokenizer on, and clips to measure one with, from files and folders."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..tokenizer import TokenizerError, image_files, is_image_name, read_image
from .console import note
from .video import InputError, VideoError, VideoReader, find_videos, probe

FRAMES_A_PAIR = 8
"""Of so many frames a video is read at each second, two that follow one another are kept."""
FRAME_SIDE = 384
"""Shorter side of training frames in pixels; larger ones tell a tokenizer little more."""


def read_training_images(media: Sequence[Path]) -> list[NDArray[np.uint8]]:
    """Read images and, one pair a second, frames of videos, from files and folders.

    A picture of a folder or a video that cannot be read is told on stderr and left out.

    Returns:
        RGB pictures `(H, W, 3)` and pairs of frames `(2, H, W, 3)`, uint8, of any sizes.

    Raises:
        InputError: a path holds neither images nor videos.
        TokenizerError: there is no such path.
    """
    return _read(media, lambda image: [image], _pairs)


def read_clips(
    media: Sequence[Path],
    *,
    size: int,
    multiple: int,
    fps: float = 8.0,
    frames: int = 64,
    tile: int | None = None,
) -> list[Tensor]:
    """Read images and videos to measure a tokenizer with.

    Args:
        media: Files and folders; a picture of a folder or a video that cannot be read is told on
            stderr and left out.
        size: Pixels of the shorter side.
        multiple: What both sides are a multiple of: the tokenizer's compression. The rest is cut
            off evenly.
        fps: Frames a second that videos are read at.
        frames: The most of a video, from its beginning.
        tile: Cut frames into whole squares of so many pixels, each a clip; None leaves them whole.

    Returns:
        Frames `(T, 3, H, W)` uint8 of each clip, T = 1 for images.

    Raises:
        InputError: a size or number is below 1, or a path holds neither images nor videos.
        TokenizerError: there is no such path, or nothing is as large as a tile.
    """
    for name, least in {"size": size, "fps": fps, "frames": frames, "tile": tile}.items():
        if least is not None and not least > 0:
            raise InputError(f"{name} must be above 0, not {least}")

    def first_frames(file: Path) -> Iterator[NDArray[np.uint8]]:
        read = list(islice(_frames(file, size, fps), frames))
        if read:
            yield np.stack(read)

    clips = _read(media, lambda image: [_resized(image, size)[None]], first_frames)
    cut = [part for clip in clips for part in _cut(clip, tile, multiple)]
    if not cut:
        raise TokenizerError(f"pictures of {size} pixels hold no tile of {tile or multiple}")
    return [torch.from_numpy(clip.transpose(0, 3, 1, 2).copy()) for clip in cut]


def _read(
    media: Sequence[Path],
    of_image: Callable[[NDArray[np.uint8]], Iterable[NDArray[np.uint8]]],
    of_video: Callable[[Path], Iterable[NDArray[np.uint8]]],
) -> list[NDArray[np.uint8]]:
    """What each image and video of files and folders gives, path by path, images first."""
    found: list[NDArray[np.uint8]] = []
    for path in media:
        images = _images_at(path)
        given = [part for image in images for part in of_image(image)]
        if not (images and path.is_file()):
            given += _of_videos_at(path, of_video)
        if not given:
            raise InputError(f"no image and no readable video in {path}")
        found += given
    return found


def _images_at(path: Path) -> list[NDArray[np.uint8]]:
    images: list[NDArray[np.uint8]] = []
    for file in image_files(path):
        try:
            images.append(read_image(file))
        except TokenizerError as error:
            if path.is_dir():
                note(f"left out: {error}")
            elif is_image_name(path):
                raise
    return images


def _of_videos_at(
    path: Path, of_video: Callable[[Path], Iterable[NDArray[np.uint8]]]
) -> list[NDArray[np.uint8]]:
    try:
        sources = find_videos([path])
    except InputError:
        return []
    found: list[NDArray[np.uint8]] = []
    for source in sources:
        try:
            with source.open() as file:
                found += of_video(file)
        except VideoError as error:
            note(f"left out: {source}: {error.reason} ({error.detail})")
    return found


def _pairs(file: Path) -> Iterator[NDArray[np.uint8]]:
    """The first two of every `FRAMES_A_PAIR` frames, `(2, H, W, 3)`."""
    info = probe(file)
    frames = _frames(file, min(info.width, info.height, FRAME_SIDE), FRAMES_A_PAIR)
    while len(second := list(islice(frames, FRAMES_A_PAIR))) > 1:
        yield np.stack(second[:2])


def _frames(file: Path, size: int, fps: float) -> Iterator[NDArray[np.uint8]]:
    for batch in VideoReader(file, fps=fps, size=size, batch_frames=FRAMES_A_PAIR).frames():
        yield from batch


def _resized(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """An image `(H, W, 3)` with `size` pixels along its shorter side."""
    scale = size / min(image.shape[:2])
    width, height = round(image.shape[1] * scale), round(image.shape[0] * scale)
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))


def _cut(clip: NDArray[np.uint8], tile: int | None, multiple: int) -> Iterator[NDArray[np.uint8]]:
    """A clip `(T, H, W, 3)` as whole tiles, or its middle with sides that are multiples."""
    height, width = clip.shape[1:3]
    if tile is None:
        rows, columns = height // multiple * multiple, width // multiple * multiple
        top, left = (height - rows) // 2, (width - columns) // 2
        if rows and columns:
            yield clip[:, top : top + rows, left : left + columns]
        return
    for top in range(0, height - tile + 1, tile):
        for left in range(0, width - tile + 1, tile):
            yield clip[:, top : top + tile, left : left + tile]
