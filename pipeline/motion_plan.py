"""Plan the clips of a motion set: which photograph, where the camera is in every frame.

Every motion is named for what the camera does. The picture moves the other way:

| class | the camera | the picture |
|---|---|---|
| `pan_left`, `pan_right` | pans to the left, right | moves right, left |
| `pan_up`, `pan_down` | tilts up, down | moves down, up |
| `zoom_in`, `zoom_out` | comes closer, goes back | grows, shrinks |
| `rotate_left`, `rotate_right` | rolls counter-clockwise, clockwise | turns clockwise, counter- |
| `object_enters`, `object_leaves` | stands still | a patch slides in, out over a border |

Classes come in pairs, one the other played backwards, and are drawn so: one path for the pair,
reversed for its second member. So no unordered set of frames tells the two apart. Orientation is
uniform over the whole circle and scales are spread alike in all classes, so a lone frame says next
to nothing either. Two things remain: frames of the object classes show patches, and the first
frame of a zoom is more often wide (in) or close (out); standing patches, none to two a clip, blur
the like for the object classes.

Lengths are in sides of the frame at scale 1; a photograph is `PHOTO_SIDES` of them high or wide,
whichever is shorter. A camera is a row `x, y, scale, angle`: its centre on the photograph, the
sides of photograph it sees, and its roll, clockwise, in radians.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

PAIRS = (
    ("pan_left", "pan_right"),
    ("pan_up", "pan_down"),
    ("zoom_in", "zoom_out"),
    ("rotate_left", "rotate_right"),
    ("object_enters", "object_leaves"),
)
CLASSES = tuple(name for pair in PAIRS for name in pair)
PHOTO_SIDES = 3.2

# Zoom and roll move the content at this distance from the centre as fast as a pan does.
_BORDER = 0.7
_SCALE_JITTER = 0.15
_REFUSALS = 16
_PATCH_SIDES = (0.3, 0.5)
_CORNERS = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])

Cameras = npt.NDArray[np.float64]
Amounts = npt.NDArray[np.floating[Any]]
Extent = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Patch:
    """A square cut from a photograph, pasted over the frames.

    Attributes:
        photo: number of the photograph.
        camera: what it shows of it, `(4,)`.
        side: its side, in frame sides.
        corners: its top left corner in every frame, `(n, 2)` as x, y in frame sides.
    """

    photo: int
    camera: Cameras
    side: float
    corners: npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Shot:
    """Frames of one photograph without a cut.

    Attributes:
        photo: number of the photograph.
        cameras: one a frame, `(n, 4)`.
        patches: from the rearmost to the foremost.
    """

    photo: int
    cameras: Cameras
    patches: tuple[Patch, ...] = ()


def labelled_shot(
    rng: np.random.Generator,
    motion: str,
    *,
    extents: Sequence[Extent],
    frames: int,
    fps: float,
    speed: tuple[float, float],
) -> Shot:
    """One clip of a class. The two members of a pair draw the same from the same `rng`.

    Args:
        rng: all chance.
        motion: one of `CLASSES`.
        extents: width and height of every photograph, in sides.
        frames: length of the clip.
        fps: frames per second.
        speed: least and greatest speed, in frame sides per second.
    """
    forward, reverse = next(pair for pair in PAIRS if motion in pair)
    photo = int(rng.integers(len(extents)))
    step = rng.uniform(*speed) / fps
    amounts = step * (np.arange(frames) - (frames - 1) / 2)
    spread = rng.uniform(amounts[0], amounts[-1]) / _BORDER  # drawn by all, unused by zooms
    scale = math.exp(
        rng.uniform(-_SCALE_JITTER, _SCALE_JITTER) + (0 if forward == "zoom_in" else spread)
    )
    middle = np.array([0.0, 0.0, scale, rng.uniform(0, 2 * math.pi)])
    cameras = _placed(rng, moved(middle, forward, amounts), extents[photo])
    patches: tuple[Patch, ...] = ()
    if forward == "object_enters":
        standing = [_standing_patch(rng, extents, frames) for _ in range(rng.integers(3))]
        patches = (*standing, _sliding_patch(rng, extents, step * np.arange(frames)))
    shot = Shot(photo=photo, cameras=cameras, patches=patches)
    return backwards(shot) if motion == reverse else shot


def unlabelled_shots(
    rng: np.random.Generator,
    *,
    motions: Sequence[str],
    extents: Sequence[Extent],
    frames: int,
    segment_frames: int,
    fps: float,
    speed: tuple[float, float],
    accept: Callable[[Shot], bool],
) -> list[Shot]:
    """A long clip: motion follows motion without a cut, the photograph changes now and then.

    Args:
        rng: all chance.
        motions: classes to draw from.
        extents: width and height of every photograph, in sides.
        frames: length of the clip.
        segment_frames: mean length of one motion.
        fps: frames per second.
        speed: least and greatest speed, in frame sides per second.
        accept: whether a shot is worth having; after some refusals in a row any is.
    """
    shots: list[Shot] = []
    left, refused = frames, 0
    while left > 0:
        photo = int(rng.integers(len(extents)))
        camera = _anywhere(rng, extents[photo])
        for _ in range(rng.integers(2, 6)):
            length = min(left, max(1, round(segment_frames * rng.uniform(0.7, 1.3))))
            amounts = rng.uniform(*speed) / fps * np.arange(1, length + 1)
            shot = _continued(rng, motions, photo, camera, extents, amounts) if length else None
            if shot is None or not (accept(shot) or refused >= _REFUSALS):
                refused += shot is not None
                break
            shots.append(shot)
            camera, left, refused = shot.cameras[-1], left - length, 0
    return shots


def moved(camera: Cameras, motion: str, amounts: Amounts) -> Cameras:
    """The camera `(4,)` after each of `amounts` `(n,)` of a motion, in frame sides: `(n, 4)`.

    A motion's second pair member is its first with the sign turned; objects leave it in place.
    """
    forward, reverse = next(pair for pair in PAIRS if motion in pair)
    amounts = -amounts if motion == reverse else amounts
    cameras = np.repeat(camera[None], len(amounts), axis=0)
    scale, angle = camera[2], camera[3]
    if forward == "pan_left":
        cameras[:, :2] -= scale * amounts[:, None] * np.array([math.cos(angle), math.sin(angle)])
    elif forward == "pan_up":
        cameras[:, :2] -= scale * amounts[:, None] * np.array([-math.sin(angle), math.cos(angle)])
    elif forward == "zoom_in":
        cameras[:, 2] *= np.exp(-amounts / _BORDER)
    elif forward == "rotate_left":
        cameras[:, 3] -= amounts / _BORDER
    return cameras


def backwards(shot: Shot) -> Shot:
    """The same frames in reverse order."""
    patches = tuple(
        Patch(photo=p.photo, camera=p.camera, side=p.side, corners=p.corners[::-1])
        for p in shot.patches
    )
    return Shot(photo=shot.photo, cameras=shot.cameras[::-1], patches=patches)


def corners_of(cameras: Cameras) -> npt.NDArray[np.float64]:
    """Where on the photograph the frames' corners are: `(n, 4, 2)`."""
    sine, cosine = np.sin(cameras[:, 3]), np.cos(cameras[:, 3])
    turn = np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], -2)
    seen = np.einsum("nij,cj->nci", turn, _CORNERS) * cameras[:, None, None, 2]
    return cameras[:, None, :2] + seen


def _placed(rng: np.random.Generator, cameras: Cameras, extent: Extent) -> Cameras:
    """The path moved to a random place where it stays on the photograph, shrunk if it must be."""
    corners = corners_of(cameras).reshape(-1, 2)
    span = corners.max(axis=0) - corners.min(axis=0)
    shrink = min(1.0, *(np.array(extent) / span))
    cameras = cameras * np.array([shrink, shrink, shrink, 1.0])
    room = np.maximum(np.array(extent) - span * shrink, 0.0)
    cameras[:, :2] += rng.uniform(0.0, 1.0, 2) * room - corners.min(axis=0) * shrink
    return cameras


def _anywhere(rng: np.random.Generator, extent: Extent) -> Cameras:
    scale, angle = math.exp(rng.uniform(-0.5, 0.5)), rng.uniform(0, 2 * math.pi)
    return _placed(rng, np.array([[0.0, 0.0, scale, angle]]), extent)[0]


def _continued(
    rng: np.random.Generator,
    motions: Sequence[str],
    photo: int,
    camera: Cameras,
    extents: Sequence[Extent],
    amounts: Amounts,
) -> Shot | None:
    """The next motion from where the camera is; None when none stays on the photograph.

    An object comes only when it is drawn first, else it would stand in for all that do not fit.
    """
    order = [motions[choice] for choice in rng.permutation(len(motions))]
    if order[0].startswith("object"):
        half = amounts[: (len(amounts) + 1) // 2]
        in_and_out = np.concatenate([half, half[::-1]])[: len(amounts)]
        patch = _sliding_patch(rng, extents, in_and_out)
        return Shot(photo=photo, cameras=moved(camera, order[0], amounts), patches=(patch,))
    for motion in order:
        cameras = moved(camera, motion, amounts)
        corners = corners_of(cameras)
        inside = np.all((corners >= 0) & (corners <= np.array(extents[photo])))
        zoomed_too_far = abs(math.log(cameras[-1, 2])) > 1
        if inside and not zoomed_too_far and not motion.startswith("object"):
            return Shot(photo=photo, cameras=cameras)
    return None


def _sliding_patch(rng: np.random.Generator, extents: Sequence[Extent], depths: Amounts) -> Patch:
    """A patch whose leading edge is `depths` `(n,)` inside one of the four borders."""
    photo, camera, side = _patch_picture(rng, extents)
    along, across = depths - side, np.full_like(depths, rng.uniform(0, 1 - side))
    border = int(rng.integers(4))
    if border >= 2:  # right and bottom: mirrored
        along = 1 - side - along
    corners = np.stack([along, across] if border % 2 == 0 else [across, along], axis=-1)
    return Patch(photo=photo, camera=camera, side=side, corners=corners)


def _standing_patch(rng: np.random.Generator, extents: Sequence[Extent], frames: int) -> Patch:
    photo, camera, side = _patch_picture(rng, extents)
    corner = rng.uniform(0, 1 - side, 2)
    return Patch(photo=photo, camera=camera, side=side, corners=np.tile(corner, (frames, 1)))


def _patch_picture(
    rng: np.random.Generator, extents: Sequence[Extent]
) -> tuple[int, Cameras, float]:
    photo, side = int(rng.integers(len(extents))), float(rng.uniform(*_PATCH_SIDES))
    view = np.array([[0.0, 0.0, side, rng.uniform(0, 2 * math.pi)]])
    return photo, _placed(rng, view, extents[photo])[0], side
