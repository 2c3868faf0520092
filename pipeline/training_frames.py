"""Pictures to train a tokenizer on: photographs, and pairs of frames of videos."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..tokenizer import TokenizerError, read_images
from .console import note
from .video import InputError, VideoError, VideoReader, find_videos, probe

FRAMES_A_PAIR = 8
"""Of so many frames a video is read at each second, two that follow one another are kept."""
FRAME_SIDE = 384
"""Shorter side of video frames in pixels; larger ones tell a tokenizer little more."""


def read_training_images(media: Sequence[Path]) -> list[NDArray[np.uint8]]:
    """Read images and, one pair a second, frames of videos, from files and folders.

    A video that cannot be read is told on stderr and left out.

    Returns:
        RGB pictures `(H, W, 3)` and pairs of frames `(2, H, W, 3)`, uint8, of any sizes.

    Raises:
        InputError: a path holds neither images nor videos.
    """
    pictures: list[NDArray[np.uint8]] = []
    for path in media:
        images = images_at(path)
        pairs = _pairs_at(path) if not (images and path.is_file()) else []
        if not images and not pairs:
            raise InputError(f"no image and no readable video in {path}")
        pictures += images + pairs
    return pictures


def images_at(path: Path) -> list[NDArray[np.uint8]]:
    """Images of a file or folder; none if it holds none.

    Raises:
        TokenizerError: there is no such path, or an image is broken.
    """
    try:
        return read_images([path])
    except TokenizerError:
        if not path.exists():
            raise
        return []


def _pairs_at(path: Path) -> list[NDArray[np.uint8]]:
    try:
        sources = find_videos([path])
    except InputError:
        return []
    pairs: list[NDArray[np.uint8]] = []
    for source in sources:
        try:
            with source.open() as file:
                pairs += _pairs_of(file)
        except VideoError as error:
            note(f"left out: {source}: {error.reason} ({error.detail})")
    return pairs


def _pairs_of(file: Path) -> Iterator[NDArray[np.uint8]]:
    info = probe(file)
    side = min(info.width, info.height, FRAME_SIDE)
    reader = VideoReader(file, fps=FRAMES_A_PAIR, size=side, batch_frames=FRAMES_A_PAIR)
    for batch in reader.frames():
        if len(batch) > 1:
            yield batch[:2].copy()
