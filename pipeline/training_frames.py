"""Pictures to train a tokenizer on: photographs, and frames of videos."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..tokenizer import TokenizerError, read_images
from .console import note
from .video import InputError, VideoError, VideoReader, find_videos

FRAMES_A_SECOND = 1.0
FRAME_SIDE = 256
"""Shorter side of video frames in pixels; larger ones tell a tokenizer little more."""


def read_training_images(media: Sequence[Path]) -> list[NDArray[np.uint8]]:
    """Read images and, at one frame a second, videos, from files and folders.

    A video that cannot be read is told on stderr and left out.

    Returns:
        RGB pictures `(H, W, 3)` uint8 of any sizes.

    Raises:
        InputError: a path holds neither images nor videos.
    """
    pictures: list[NDArray[np.uint8]] = []
    for path in media:
        images = _images_at(path)
        frames = _frames_at(path) if not (images and path.is_file()) else []
        if not images and not frames:
            raise InputError(f"no image and no readable video in {path}")
        pictures += images + frames
    return pictures


def _images_at(path: Path) -> list[NDArray[np.uint8]]:
    try:
        return read_images([path])
    except TokenizerError:
        if not path.exists():
            raise
        return []


def _frames_at(path: Path) -> list[NDArray[np.uint8]]:
    try:
        sources = find_videos([path])
    except InputError:
        return []
    frames: list[NDArray[np.uint8]] = []
    for source in sources:
        try:
            with source.open() as file:
                reader = VideoReader(file, fps=FRAMES_A_SECOND, size=FRAME_SIDE)
                frames += [frame for batch in reader.frames() for frame in batch]
        except VideoError as error:
            note(f"left out: {source}: {error.reason} ({error.detail})")
    return frames
