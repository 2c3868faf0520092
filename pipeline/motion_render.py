"""Render planned shots: photographs in, frames out, frames into an H.264 file."""

import math
import os
import uuid
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import ffmpeg
import numpy as np
from PIL import Image

from .errors import PipelineError
from .motion_plan import PHOTO_SIDES, Cameras, Extent, Patch, Shot
from .video.ffmpeg import FFmpegTimeout, compile_command, run_to_end

_CACHED_PHOTOS = 32
_LEVELS = 4
_GLANCE = 16
_ENCODE_TIMEOUT = 120.0


class MotionError(PipelineError):
    """Something in the way of making a motion set."""


class Photos:
    """Photographs ready to be sampled at any scale, the latest few kept in memory.

    Args:
        paths: image files.
        size: side of the frames, in pixels.
    """

    def __init__(self, paths: Sequence[Path], size: int) -> None:
        self.paths = tuple(paths)
        self.size = size
        self.extents = tuple(map(_extent, paths))
        self.levels = lru_cache(maxsize=_CACHED_PHOTOS)(self._load)

    def _load(self, number: int) -> tuple[Image.Image, ...]:
        """The photograph at 2, 1, 1/2, 1/4 x `size` pixels a side of the frame."""
        path = self.paths[number]
        width, height = (round(2 * self.size * sides) for sides in self.extents[number])
        try:
            with Image.open(path) as image:
                image.draft("RGB", (width, height))
                level = image.convert("RGB").resize((width, height), Image.Resampling.BOX)
        except (OSError, SyntaxError, ValueError) as error:
            raise MotionError(f"cannot read photograph {path}: {error}; remove it") from None
        levels = [level]
        for _ in range(_LEVELS - 1):
            levels.append(levels[-1].reduce(2))
        return tuple(levels)

    def view(self, number: int, camera: Cameras, pixels: int) -> Image.Image:
        """What a camera `(4,)` sees of a photograph, `pixels` square.

        Sampled bilinearly from the level whose resolution is nearest to the view's.
        """
        x, y, scale, angle = camera.tolist()
        levels = self.levels(number)
        nearest = round(math.log2(2 * self.size * scale / pixels))
        level = levels[min(max(nearest, 0), _LEVELS - 1)]
        density = level.width / self.extents[number][0]
        a = density * scale / pixels * math.cos(angle)
        b = density * scale / pixels * math.sin(angle)
        left = density * x - (a - b) * pixels / 2
        top = density * y - (b + a) * pixels / 2
        coefficients = (a, -b, left, b, a, top)
        return level.transform(
            (pixels, pixels), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR
        )

    def contrast(self, shot: Shot) -> float:
        """Least standard deviation of grey levels (0 to 255) in the pictures a shot is made of.

        These are its two ends, its middle, and its patches.
        """
        seen = [(shot.photo, shot.cameras[at]) for at in (0, len(shot.cameras) // 2, -1)]
        seen += [(patch.photo, patch.camera) for patch in shot.patches]
        views = (self.view(photo, camera, _GLANCE).convert("L") for photo, camera in seen)
        return min(float(np.std(np.asarray(view))) for view in views)


def render(photos: Photos, shots: Sequence[Shot]) -> Iterator[Image.Image]:
    """The frames of the shots, RGB, `photos.size` square."""
    for shot in shots:
        patches = [_patch_image(photos, patch) for patch in shot.patches]
        for number, camera in enumerate(shot.cameras):
            frame = photos.view(shot.photo, camera, photos.size)
            for patch, image in zip(shot.patches, patches, strict=True):
                x, y = np.rint(patch.corners[number] * photos.size).astype(int).tolist()
                frame.paste(image, (x, y))
            yield frame


def encode(frames: Iterator[Image.Image], path: Path, *, size: int, fps: float) -> None:
    """Write frames as H.264 in mp4; the file appears whole or not at all.

    One thread and no build information in the container: the same frames give the same file with
    the same ffmpeg.

    Raises:
        MotionError: ffmpeg refused or did not end.
    """
    temporary = path.with_name(f".{path.stem}-{uuid.uuid4().hex}.mp4")
    command = compile_command(
        ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s=f"{size}x{size}", r=fps)
        .output(
            f"file:{temporary.absolute()}",
            vcodec="libx264",
            preset="ultrafast",
            crf=18,
            pix_fmt="yuv420p",
            threads=1,
            map_metadata=-1,
            fflags="+bitexact",
            **{"flags:v": "+bitexact"},
        )
        .overwrite_output()
    )
    try:
        pixels = b"".join(frame.tobytes() for frame in frames)
        ended = run_to_end(command, timeout=_ENCODE_TIMEOUT, stdin=pixels)
        if ended.returncode != 0:
            words = ended.log.strip().rsplit("\n", 1)[-1]
            raise MotionError(f"ffmpeg could not write {path}: {words}")
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except FFmpegTimeout:
        raise MotionError(f"ffmpeg took over {_ENCODE_TIMEOUT:g} seconds for {path}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _extent(path: Path) -> Extent:
    with Image.open(path) as image:
        width, height = image.size
    unit = min(width, height) / PHOTO_SIDES
    return width / unit, height / unit


def _patch_image(photos: Photos, patch: Patch) -> Image.Image:
    return photos.view(patch.photo, patch.camera, round(patch.side * photos.size))
