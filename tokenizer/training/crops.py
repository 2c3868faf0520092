"""What a training step sees: crops of pictures, a pure function of seed and step."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..images import RGBImage
from ..interface import TokenizerError

_COLOUR = (-0.3, 1.7)  # of which a crop draws its saturation, cut to [0, 1]: 15 % are grey
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # of ITU-R BT.601


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A photograph, or two frames of a video that follow one another."""

    frames: tuple[Image.Image, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.frames[0].size


def parse_scenes(pictures: Sequence[RGBImage]) -> list[Scene]:
    """Pictures `(H, W, 3)` and pairs of frames `(2, H, W, 3)`, uint8, as scenes.

    Raises:
        TokenizerError: There are none, or one is of another type or shape.
    """
    if not pictures:
        raise TokenizerError("no images to train on")
    scenes = []
    for position, picture in enumerate(pictures):
        frames = picture[None] if picture.ndim == 3 else picture
        if (
            frames.dtype != np.uint8
            or frames.ndim != 4
            or frames.shape[0] not in (1, 2)
            or frames.shape[3] != 3
            or not frames.size
        ):
            given = f"{picture.dtype} {picture.shape}"
            raise TokenizerError(
                f"image {position} must be uint8 (H, W, 3), or (2, H, W, 3), not {given}"
            )
        scenes.append(Scene(frames=tuple(map(Image.fromarray, frames))))
    return scenes


def digest_pictures(pictures: Sequence[RGBImage]) -> str:
    """Sha256 (hex) over the shapes and pixels of all pictures, in order."""
    digest = hashlib.sha256()
    for picture in pictures:
        digest.update(f"{picture.shape}\n".encode())
        digest.update(np.ascontiguousarray(picture).tobytes())
    return digest.hexdigest()


def draw_crops(
    scenes: Sequence[Scene],
    *,
    batch_size: int,
    crop: int,
    sides: tuple[int, int],
    seed: int,
    step: int,
) -> Tensor:
    """Draw a batch `(2, B, 3, crop, crop)` uint8: the same for the same seed and step, always.

    A crop shows a part of a frame whose shorter side is log-uniform within `sides`, in pixels, of
    a scene drawn uniformly. The second half of the batch shows the same parts in the scene's
    other frame, or the same again where there is none. Half are mirrored; brightness and colour
    balance vary a little; some lose their colour, in part or whole.
    """
    random = np.random.default_rng([seed, step])
    pairs = np.stack([_draw_pair(scenes, crop, sides, random) for _ in range(batch_size)], axis=1)
    return torch.from_numpy(pairs).permute(0, 1, 4, 2, 3).contiguous()


def _draw_pair(
    scenes: Sequence[Scene], crop: int, sides: tuple[int, int], random: np.random.Generator
) -> NDArray[np.uint8]:
    scene = scenes[int(random.integers(len(scenes)))]
    shorter = min(scene.size)
    low, high = (max(crop, side) for side in sides)
    side = shorter * min(1.0, crop / (low * (high / low) ** float(random.random())))
    left, top = (random.random(2) * (np.array(scene.size) - side)).tolist()
    box = (left, top, min(left + side, scene.size[0]), min(top + side, scene.size[1]))
    mirrored = random.random() < 0.5
    exponent = np.exp(random.normal(0, 0.15) + random.normal(0, 0.05, size=3)).astype(np.float32)
    colour = min(1.0, max(0.0, random.uniform(*_COLOUR)))

    def cut(frame: Image.Image) -> NDArray[np.uint8]:
        square = frame.resize((crop, crop), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
        light = (np.asarray(square, dtype=np.float32) / 255) ** exponent
        grey = light @ _LUMA
        light = grey[..., None] + np.float32(colour) * (light - grey[..., None])
        pixels = np.rint(255 * light).astype(np.uint8)
        return pixels[:, ::-1] if mirrored else pixels

    first = cut(scene.frames[0])
    return np.stack([first, cut(scene.frames[1]) if len(scene.frames) > 1 else first])
