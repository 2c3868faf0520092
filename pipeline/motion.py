"""Make a labelled set of real mp4 files whose class is only in the motion."""

import json
import math
import os
import uuid
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .motion_plan import CLASSES, Shot, labelled_shot, unlabelled_shots
from .motion_render import MotionError, Photos, encode, render

__all__ = ["CLASSES", "MotionConfig", "MotionError", "MotionSummary", "make_motion_set"]

_PHOTO_EXTENSIONS = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
_SPLITS = ("train", "validation", "unlabelled")
_DRAWS = 16
_LEAST_CONTRAST = 24.0
_MANIFEST = "motion.json"


@dataclass(frozen=True, kw_only=True)
class MotionConfig:
    """What a motion set is made of; equal configs and photographs give equal frames.

    Attributes:
        seed: of all chance.
        size: side of the frames, in pixels; even.
        fps: frames per second.
        seconds: length of a labelled clip, and mean length of one motion in an unlabelled one.
        train: labelled clips to train on, spread evenly over the classes.
        validation: labelled clips held out, of other photographs.
        unlabelled: long clips for pre-training, of the training photographs.
        unlabelled_seconds: their length.
        classes: in label order, a choice from `CLASSES`.
        speed: least and greatest speed of the content, in frame sides per second. The default
            moves it by about 1/8 of the frame between frames sampled at 2 fps.
        held_out: share of the photographs that only validation uses.
    """

    seed: int = 0
    size: int = 128
    fps: float = 8.0
    seconds: float = 3.0
    train: int = 800
    validation: int = 400
    unlabelled: int = 200
    unlabelled_seconds: float = 20.0
    classes: tuple[str, ...] = CLASSES
    speed: tuple[float, float] = (0.2, 0.3)
    held_out: float = 0.25

    def __post_init__(self) -> None:
        for trouble in _troubles(self):
            raise MotionError(trouble)


@dataclass(frozen=True, kw_only=True)
class MotionSummary:
    """What `make_motion_set` did.

    Attributes:
        out: the set's folder.
        classes: in label order.
        train, validation, unlabelled: clips in each split.
        rendered: clips made by this call.
        kept: clips found finished from an earlier one.
        train_photos, validation_photos: photographs each used, relative to their folder.
    """

    out: Path
    classes: tuple[str, ...]
    train: int
    validation: int
    unlabelled: int
    rendered: int
    kept: int
    train_photos: tuple[str, ...]
    validation_photos: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Clip:
    split: str
    index: int
    path: Path
    motion: str | None


def make_motion_set(
    out: Path,
    photos: Path,
    *,
    config: MotionConfig | None = None,
    workers: int | None = None,
    on_clip: Callable[[int, int], None] | None = None,
) -> MotionSummary:
    """Render a motion set; called again after a break, it makes only what is missing.

    Writes `out/train/<class>/<id>.mp4`, `out/validation/<class>/<id>.mp4`,
    `out/unlabelled/<id>.mp4` and `out/motion.json` (classes in label order, config, counts,
    photographs of each split, and `complete`, true once every clip is there).

    Every clip is a function of the config's seed, its split and its number alone, whatever the
    number of workers and the order they work in.

    Args:
        out: folder to write.
        photos: folder of photographs, searched through; those whose shorter side is under
            2 x `config.size` are passed over.
        config: what to make.
        workers: threads, by default one a core (the work is in ffmpeg and in Pillow, which leave
            the interpreter free).
        on_clip: called in this thread with (clips done, clips in all) after each.

    Raises:
        MotionError: too few photographs, or `out` holds another set.
    """
    config, out, photos = config or MotionConfig(), Path(out), Path(photos)
    names = _split_photos(photos, config)
    library = {
        split: Photos([photos / name for name in names[split]], config.size) for split in names
    }
    _write_manifest(out, config, names, complete=False)
    clips = list(_clips(out, config))
    missing = [clip for clip in clips if not clip.path.exists()]
    _render_all(missing, config, library, workers, on_clip, done=len(clips) - len(missing))
    _write_manifest(out, config, names, complete=True)
    return MotionSummary(
        out=out,
        classes=config.classes,
        train=config.train,
        validation=config.validation,
        unlabelled=config.unlabelled,
        rendered=len(missing),
        kept=len(clips) - len(missing),
        train_photos=names["train"],
        validation_photos=names["validation"],
    )


def _troubles(config: MotionConfig) -> Iterator[str]:
    unknown = [name for name in config.classes if name not in CLASSES]
    if unknown or not config.classes or len(set(config.classes)) < len(config.classes):
        yield f"classes must be distinct and among {', '.join(CLASSES)}; got {config.classes}"
    if config.size < 16 or config.size % 2:
        yield f"size must be even and at least 16, got {config.size}"
    lengths = (config.fps, config.seconds, config.unlabelled_seconds)
    if not all(map(math.isfinite, lengths)):
        yield f"fps, seconds and unlabelled_seconds must be finite, got {lengths}"
        return
    if not (config.fps > 0 and round(config.fps * config.seconds) >= 2):
        yield f"fps x seconds must make at least 2 frames, got {config.fps} x {config.seconds}"
    if min(config.train, config.validation, config.unlabelled) < 0 or config.seed < 0:
        yield "seed, train, validation and unlabelled must not be negative"
    if config.unlabelled and round(config.fps * config.unlabelled_seconds) < 1:
        yield f"unlabelled_seconds is too short: {config.unlabelled_seconds}"
    slow, fast = config.speed
    if not (0 < slow <= fast and math.isfinite(fast)):
        yield f"speed must be a rising pair of positive numbers, got {config.speed}"
    elif fast * config.seconds > 1:
        yield (
            f"greatest speed x seconds must be at most 1 frame side, got {fast} x {config.seconds}"
        )
    if not 0 < config.held_out < 1:
        yield f"held_out must be between 0 and 1, got {config.held_out}"


def _split_photos(folder: Path, config: MotionConfig) -> dict[str, tuple[str, ...]]:
    """Names of the photographs of each split, a seeded shuffle of the sorted names."""
    if not folder.is_dir():
        raise MotionError(f"no such folder of photographs: {folder}")
    names = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() in _PHOTO_EXTENSIONS and _is_large_enough(path, 2 * config.size)
    )
    if len(names) < 4:
        raise MotionError(
            f"{len(names)} photographs of at least {2 * config.size} pixels found in {folder}: "
            "give a folder with 4 or more"
        )
    order = np.random.default_rng([config.seed, len(_SPLITS)]).permutation(len(names))
    held_out = min(max(math.ceil(config.held_out * len(names)), 2), len(names) - 2)
    held = sorted(names[i] for i in order[:held_out])
    used = sorted(names[i] for i in order[held_out:])
    return {"train": tuple(used), "validation": tuple(held)}


def _is_large_enough(path: Path, side: int) -> bool:
    """Whether a file is an image Pillow can open with sides of at least `side` pixels."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return min(image.size) >= side
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False


def _clips(out: Path, config: MotionConfig) -> Iterator[_Clip]:
    for split in _SPLITS:
        count: int = getattr(config, split)
        for index in range(count):
            labelled = split != "unlabelled"
            motion = config.classes[index % len(config.classes)] if labelled else None
            folder = out / split / motion if motion else out / split
            yield _Clip(split=split, index=index, path=folder / f"{index:06d}.mp4", motion=motion)


def _generator(config: MotionConfig, clip: _Clip) -> np.random.Generator:
    return np.random.default_rng([config.seed, _SPLITS.index(clip.split), clip.index])


def _library_of(clip: _Clip, library: dict[str, Photos]) -> Photos:
    return library["validation" if clip.split == "validation" else "train"]


def _shots(clip: _Clip, config: MotionConfig, photos: Photos) -> list[Shot]:
    """Plan a clip. On a bare wall no motion can be seen: such draws are thrown away."""

    def shows_enough(shot: Shot) -> bool:
        return photos.contrast(shot) >= _LEAST_CONTRAST

    rng, frames = _generator(config, clip), round(config.fps * config.seconds)
    if clip.motion is None:
        return unlabelled_shots(
            rng,
            motions=config.classes,
            extents=photos.extents,
            frames=round(config.fps * config.unlabelled_seconds),
            segment_frames=frames,
            fps=config.fps,
            speed=config.speed,
            accept=shows_enough,
        )
    for _ in range(_DRAWS):
        shot = labelled_shot(
            rng,
            clip.motion,
            extents=photos.extents,
            frames=frames,
            fps=config.fps,
            speed=config.speed,
        )
        if shows_enough(shot):
            break
    return [shot]


def _render_clip(clip: _Clip, config: MotionConfig, library: dict[str, Photos]) -> None:
    photos = _library_of(clip, library)
    clip.path.parent.mkdir(parents=True, exist_ok=True)
    frames = render(photos, _shots(clip, config, photos))
    encode(frames, clip.path, size=config.size, fps=config.fps)


def _render_all(
    clips: list[_Clip],
    config: MotionConfig,
    library: dict[str, Photos],
    workers: int | None,
    on_clip: Callable[[int, int], None] | None,
    *,
    done: int,
) -> None:
    def first_photo(clip: _Clip) -> tuple[bool, int]:
        # A clip's photograph is its first draw: neighbours share it, so it is seldom loaded twice.
        photos = _library_of(clip, library)
        return clip.split == "validation", int(
            _generator(config, clip).integers(len(photos.extents))
        )

    total = done + len(clips)
    pool = ThreadPoolExecutor(workers or os.cpu_count() or 1)
    try:
        work = partial(_render_clip, config=config, library=library)
        for finished in as_completed(
            [pool.submit(work, clip) for clip in sorted(clips, key=first_photo)]
        ):
            finished.result()
            done += 1
            if on_clip is not None:
                on_clip(done, total)
    finally:
        pool.shutdown(cancel_futures=True)


def _write_manifest(
    out: Path, config: MotionConfig, names: dict[str, tuple[str, ...]], *, complete: bool
) -> None:
    """Write `motion.json` whole; a folder that holds another set is refused."""
    manifest: dict[str, Any] = {
        "classes": list(config.classes),
        "config": asdict(config),
        "counts": {split: getattr(config, split) for split in _SPLITS},
        "photographs": names,
        "complete": complete,
    }
    manifest = json.loads(json.dumps(manifest))
    path = out / _MANIFEST
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        if {**found, "complete": complete} != manifest:
            raise MotionError(
                f"{out} holds a motion set made with other settings or photographs: "
                "choose another folder or remove it"
            )
        complete_already = found["complete"] and not complete
        if complete_already:
            return
    out.mkdir(parents=True, exist_ok=True)
    temporary = out / f".{_MANIFEST}-{uuid.uuid4().hex}"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
