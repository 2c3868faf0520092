"""The motion set: classes live in the motion alone, files are real, everything repeats."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from vimpac.pipeline.motion import CLASSES, MotionConfig, MotionError, make_motion_set
from vimpac.pipeline.motion_plan import (
    PAIRS,
    PHOTO_SIDES,
    Shot,
    corners_of,
    labelled_shot,
    moved,
    unlabelled_shots,
)
from vimpac.pipeline.motion_render import Photos, render
from vimpac.pipeline.video import VideoReader

SPEED = (0.2, 0.3)
EXTENTS = ((PHOTO_SIDES, 1.5 * PHOTO_SIDES), (1.3 * PHOTO_SIDES, PHOTO_SIDES))


def drawn(motion: str, seed: int = 0, frames: int = 24) -> Shot:
    rng = np.random.default_rng(seed)
    return labelled_shot(rng, motion, extents=EXTENTS, frames=frames, fps=8.0, speed=SPEED)


def read(path: Path) -> np.ndarray:
    return np.concatenate(list(VideoReader(path, fps=8, size=32).frames()))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photographs of soft coloured blots."""
    folder = tmp_path_factory.mktemp("photographs")
    (folder / "more").mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        blots = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        picture = blots.resize((320, 240), Image.Resampling.BICUBIC)
        picture.save(folder / ("more" if number % 2 else ".") / f"{number}.png")
    Image.new("RGB", (40, 40)).save(folder / "small.png")
    (folder / "broken.jpg").write_text("no image")
    return folder


SMALL = MotionConfig(
    seed=3, size=32, train=12, validation=10, unlabelled=2, seconds=2, unlabelled_seconds=5
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    out = tmp_path_factory.mktemp("motion") / "set"
    make_motion_set(out, photos, config=SMALL, workers=1)
    return out


@pytest.mark.parametrize(("forward", "reverse"), PAIRS)
def test_a_class_is_its_partner_played_backwards(forward: str, reverse: str) -> None:
    for seed in range(20):
        one, other = drawn(forward, seed), drawn(reverse, seed)
        assert one.photo == other.photo
        np.testing.assert_array_equal(one.cameras, other.cameras[::-1])
        for patch, mirror in zip(one.patches, other.patches, strict=True):
            np.testing.assert_array_equal(patch.corners, mirror.corners[::-1])
            np.testing.assert_array_equal(patch.camera, mirror.camera)


@pytest.mark.parametrize("motion", CLASSES)
def test_frames_stay_on_the_photograph(motion: str) -> None:
    for seed in range(50):
        shot = drawn(motion, seed)
        corners = corners_of(shot.cameras)
        assert corners.min() >= -1e-9
        assert np.all(corners <= np.array(EXTENTS[shot.photo]) + 1e-9)


def test_one_frame_has_the_same_look_in_all_classes() -> None:
    """Middle frames: orientation uniform, scale alike, so none of them gives a class away."""
    for motion in CLASSES:
        middles = np.array([drawn(motion, seed).cameras[12] for seed in range(300)])
        turns = np.exp(1j * middles[:, 3]).mean()
        assert abs(turns) < 0.15, motion
        assert abs(np.log(middles[:, 2]).mean()) < 0.1, motion


def test_first_frame_of_pans_and_rotations_tells_nothing() -> None:
    for forward, reverse in (PAIRS[0], PAIRS[1], PAIRS[3]):
        firsts = {m: [drawn(m, s).cameras[0] for s in range(300)] for m in (forward, reverse)}
        one, other = np.array(firsts[forward]), np.array(firsts[reverse])
        assert abs(np.log(one[:, 2]).mean() - np.log(other[:, 2]).mean()) < 0.1
        assert abs(np.exp(1j * one[:, 3]).mean() - np.exp(1j * other[:, 3]).mean()) < 0.15
        assert np.abs(one[:, :2].mean(axis=0) - other[:, :2].mean(axis=0)).max() < 0.25


def test_speed_is_in_frame_sides_per_second() -> None:
    shot = drawn("pan_right")
    step = np.linalg.norm(np.diff(shot.cameras[:, :2], axis=0), axis=1) / shot.cameras[1:, 2]
    assert np.allclose(step, step[0])
    assert SPEED[0] <= 8 * step[0] <= SPEED[1]


def picture_shift(before: np.ndarray, after: np.ndarray) -> tuple[int, int]:
    """How far the picture moved right and down: where the two frames' overlap agrees best."""

    def disagreement(right: int, down: int) -> float:
        height, width = before.shape
        here = before[max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)]
        there = after[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)]
        return float(np.abs(here - there).mean())

    shifts = [(right, down) for right in range(-9, 10) for down in range(-9, 10)]
    return min(shifts, key=lambda shift: disagreement(*shift))


@pytest.mark.parametrize("angle", [0.0, 1.1])
@pytest.mark.parametrize(
    ("motion", "expected"),
    [("pan_left", (6, 0)), ("pan_right", (-6, 0)), ("pan_up", (0, 6)), ("pan_down", (0, -6))],
)
def test_the_picture_moves_against_the_camera(
    photos: Path, motion: str, expected: tuple[int, int], angle: float
) -> None:
    library = Photos([photos / "0.png"], 64)
    camera = np.array([1.6, 1.6, 1.0, angle])
    cameras = moved(camera, motion, np.array([0.0, 6 / 64]))
    frames = [
        np.asarray(f.convert("L"), dtype=float)
        for f in render(library, [Shot(photo=0, cameras=cameras)])
    ]
    assert picture_shift(*frames) == expected


def test_zoom_and_rotation_directions(photos: Path) -> None:
    library = Photos([photos / "0.png"], 64)
    camera = np.array([1.6, 1.6, 1.0, 0.3])

    def frame(camera: np.ndarray) -> Image.Image:
        return next(render(library, [Shot(photo=0, cameras=camera[None])])).convert("L")

    def distance(one: Image.Image, other: Image.Image) -> float:
        inner = (16, 16, 48, 48)
        return float(np.abs(np.subtract(one.crop(inner), other.crop(inner), dtype=float)).mean())

    closer = frame(moved(camera, "zoom_in", np.array([0.2]))[0])
    factor = camera[2] / moved(camera, "zoom_in", np.array([0.2]))[0, 2]
    side = round(64 / factor)
    border = (64 - side) // 2
    crop = frame(camera).crop((border, border, 64 - border, 64 - border))
    assert factor > 1.2
    assert distance(closer, crop.resize((64, 64))) < distance(closer, frame(camera)) / 2

    rolled = moved(camera, "rotate_left", np.array([0.2]))[0]
    degrees = np.degrees(camera[3] - rolled[3])
    # Pillow turns counter-clockwise for positive angles; here the picture turns clockwise.
    clockwise = frame(camera).rotate(-degrees, Image.Resampling.BILINEAR)
    assert distance(frame(rolled), clockwise) < distance(frame(rolled), frame(camera)) / 4


def test_objects_cross_the_border() -> None:
    for seed in range(30):
        patch = drawn("object_enters", seed).patches[-1]
        outside = np.any((patch.corners <= -patch.side + 1e-9) | (patch.corners >= 1), axis=1)
        inside = np.all((patch.corners >= 0) & (patch.corners + patch.side <= 1), axis=1)
        assert outside[0]
        assert inside[-1]
        assert not outside[1:].any()
        assert len(drawn("pan_left", seed).patches) == 0


def test_unlabelled_clips_chain_motions_of_several_photographs() -> None:
    shots = unlabelled_shots(
        np.random.default_rng(1),
        motions=CLASSES,
        extents=EXTENTS,
        frames=400,
        segment_frames=24,
        fps=8.0,
        speed=SPEED,
        accept=lambda shot: True,
    )
    assert sum(len(shot.cameras) for shot in shots) == 400
    assert len(shots) >= 10
    assert {shot.photo for shot in shots} == {0, 1}
    joined = sum(
        one.photo == other.photo
        and np.allclose(one.cameras[-1, :3], other.cameras[0, :3], atol=0.15)
        for one, other in pairwise(shots)
    )
    assert joined >= len(shots) // 3
    for shot in shots:
        assert corners_of(shot.cameras).min() >= -1e-9


def test_nothing_worth_showing_still_ends() -> None:
    shots = unlabelled_shots(
        np.random.default_rng(1),
        motions=("pan_left",),
        extents=EXTENTS,
        frames=60,
        segment_frames=8,
        fps=8.0,
        speed=SPEED,
        accept=lambda shot: False,
    )
    assert sum(len(shot.cameras) for shot in shots) == 60


def test_layout(made: Path) -> None:
    files = sorted(path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file())
    labelled = [name for name in files if name.startswith(("train/", "validation/"))]
    assert len(labelled) == 22
    assert {name.split("/")[1] for name in labelled} == set(CLASSES)
    assert [name for name in files if name not in labelled] == [
        "motion.json",
        "unlabelled/000000.mp4",
        "unlabelled/000001.mp4",
    ]
    manifest = json.loads((made / "motion.json").read_text())
    assert manifest["complete"] is True
    assert manifest["classes"] == list(CLASSES)
    assert manifest["counts"] == {"train": 12, "validation": 10, "unlabelled": 2}
    train, held = (set(manifest["photographs"][split]) for split in ("train", "validation"))
    assert not train & held
    assert len(held) == 2
    assert train | held == {"0.png", "2.png", "4.png", "more/1.png", "more/3.png", "more/5.png"}


def test_files_are_whole_video_and_move(made: Path) -> None:
    clips = {path: read(path) for path in sorted(made.rglob("*.mp4"))}
    for path, frames in clips.items():
        assert frames.shape == (40 if path.parent.name == "unlabelled" else 16, 32, 32, 3)
        assert np.abs(frames[0].astype(int) - frames[-1]).mean() > 1


def test_same_seed_same_frames_whatever_the_workers(
    made: Path, photos: Path, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    make_motion_set(
        tmp_path, photos, config=SMALL, workers=3, on_clip=lambda *now: seen.append(now)
    )
    assert seen == [(done, 24) for done in range(1, 25)]
    for path in made.rglob("*.mp4"):
        assert (tmp_path / path.relative_to(made)).read_bytes() == path.read_bytes()


def test_goes_on_where_it_was_cut_off(made: Path, photos: Path, tmp_path: Path) -> None:
    make_motion_set(tmp_path, photos, config=SMALL, workers=2)
    lost = tmp_path / "train" / "pan_left" / "000000.mp4"
    kept = tmp_path / "train" / "pan_left" / "000010.mp4"
    lost.unlink()
    untouched = kept.stat().st_mtime_ns
    summary = make_motion_set(tmp_path, photos, config=SMALL)
    assert (summary.rendered, summary.kept) == (1, 23)
    assert lost.read_bytes() == (made / "train" / "pan_left" / "000000.mp4").read_bytes()
    assert kept.stat().st_mtime_ns == untouched
    with pytest.raises(MotionError, match="other settings or photographs"):
        make_motion_set(tmp_path, photos, config=MotionConfig(size=32))


def test_photographs_are_needed(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(MotionError, match="no such folder"):
        make_motion_set(tmp_path / "out", tmp_path / "nowhere")
    with pytest.raises(MotionError, match="0 photographs of at least 512 pixels"):
        make_motion_set(tmp_path / "out", photos, config=MotionConfig(size=256))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"classes": ("pan_left", "spin")}, "among pan_left"),
        ({"classes": ()}, "among pan_left"),
        ({"size": 33}, "size must be even"),
        ({"speed": (0.3, 0.2)}, "rising pair"),
        ({"speed": (0.2, 0.5)}, "at most 1 frame side"),
        ({"seconds": 0.1}, "at least 2 frames"),
        ({"train": -1}, "negative"),
        ({"held_out": 1.0}, "held_out"),
    ],
)
def test_settings_are_checked(settings: dict[str, object], words: str) -> None:
    with pytest.raises(MotionError, match=words):
        MotionConfig(**settings)  # type: ignore[arg-type]
