"""Reading video: right frames, whole videos only, nothing followed, nothing left running."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
from rendered_clips import numbered_clip, read_all, real_clip, run
from vimpac.datasets import View, paper_views
from vimpac.pipeline.video import (
    ReadLimits,
    VideoError,
    VideoReader,
    center_crop,
    crop,
    probe,
    sizes_of,
)
from vimpac.pipeline.video.log import error_lines


def refused(path: Path, **options: object) -> VideoError:
    with pytest.raises(VideoError) as caught:
        read_all(path, **options)
    assert "\n" not in str(caught.value)
    return caught.value


def ffmpeg_children() -> list[str]:
    """Command lines of this process's living ffmpeg children."""
    me = str(os.getpid())
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if status[1] == me and b"ffmpeg" in command:
            found.append(command.decode())
    return found


@pytest.fixture(scope="module")
def bikes() -> Path:
    return real_clip("bikes.mp4")


def test_real_clip_in_batches(bikes: Path) -> None:
    reader = VideoReader(bikes, fps=2, size=64, batch_frames=8)
    batches = list(reader.frames())
    assert [b.shape for b in batches] == [(8, 64, 151, 3), (8, 64, 151, 3), (4, 64, 151, 3)]
    assert all(b.dtype == np.uint8 for b in batches)
    info = reader.info
    assert info == probe(bikes)
    assert (info.width, info.height, info.fps, info.codec) == (640, 272, 25.0, "h264")
    assert info.duration_seconds == 10.0
    assert np.array_equal(np.concatenate(batches), read_all(bikes, size=64))


def quarter_turn(mp4: bytes) -> bytes:
    """The same file, its track (not its movie) header asking for a rotation by 90 degrees."""
    upright = np.array([1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30], dtype=">i4").tobytes()
    turned = np.array([0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30], dtype=">i4").tobytes()
    track = mp4.index(upright, mp4.index(b"tkhd"))
    return mp4[:track] + turned + mp4[track + len(turned) :]


def test_rotation_odd_sizes_and_pixel_aspect(tmp_path: Path) -> None:
    source = ("-f", "lavfi", "-i", "testsrc=s=101x51:r=5:d=2")
    odd = tmp_path / "odd.mkv"
    run(*source, "-c:v", "ffv1", odd)
    assert read_all(odd).shape == (4, 32, 63, 3)
    wide = tmp_path / "wide.mkv"
    run(*source, "-vf", "setsar=2/1", "-c:v", "ffv1", wide)
    assert read_all(wide).shape == (4, 32, 127, 3)
    assert (probe(wide).width, probe(wide).height) == (202, 51)
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(quarter_turn(real_clip("bikes.mp4").read_bytes()))
    assert (probe(turned).width, probe(turned).height) == (272, 640)
    assert read_all(turned).shape == (20, 75, 32, 3)


def test_size_changing_within_the_video(tmp_path: Path) -> None:
    parts = {}
    for size, start in (("64x64", "0"), ("96x96", "3"), ("96x64", "3")):
        source = ("-f", "lavfi", "-i", f"testsrc=s={size}:r=10:d=3")
        part = tmp_path / f"{size}.ts"
        run(*source, "-pix_fmt", "yuv420p", "-output_ts_offset", start, part)
        parts[size] = part.read_bytes()
    joined = tmp_path / "joined.ts"
    joined.write_bytes(parts["64x64"] + parts["96x96"])
    assert read_all(joined).shape == (12, 32, 32, 3)
    joined.write_bytes(parts["64x64"] + parts["96x64"])
    assert refused(joined).detail == "the picture changes from 64 x 64 to 96 x 64"


def test_center_crop_is_the_middle() -> None:
    frames = np.arange(2 * 4 * 7 * 3, dtype=np.uint8).reshape(2, 4, 7, 3)
    crop = center_crop(frames, 4)
    assert np.array_equal(crop, frames[:, :, 1:5])
    assert np.shares_memory(crop, frames)
    with pytest.raises(ValueError, match="cannot crop 5 x 5"):
        center_crop(frames, 5)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_truncated(tmp_path: Path, bikes: Path, suffix: str) -> None:
    whole, cut = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    run("-i", bikes, "-c", "copy", "-movflags", "+faststart", whole)
    assert len(read_all(whole)) == 20
    cut.write_bytes(whole.read_bytes()[:300_000])
    assert refused(cut).reason == "truncated"


def test_truncated_before_the_index(tmp_path: Path, bikes: Path) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(bikes.read_bytes()[:300_000])
    assert refused(cut).reason == "truncated"
    with pytest.raises(VideoError, match="moov atom not found"):
        probe(cut)


def test_frames_missing_without_a_decoder_error(tmp_path: Path) -> None:
    clip = numbered_clip(tmp_path / "a.mkv", fps="10", frames=100)
    stated = clip.read_bytes()
    # Duration element of the segment: 10,000 ms as a float64, made 20,000.
    duration = b"\x44\x89\x88" + np.array(10_000, dtype=">f8").tobytes()
    assert stated.count(duration) == 1
    longer = b"\x44\x89\x88" + np.array(20_000, dtype=">f8").tobytes()
    clip.write_bytes(stated.replace(duration, longer))
    error = refused(clip)
    assert error.reason == "truncated"
    assert "10.00 of the stated 20.00 seconds" in error.detail


def test_sound_may_be_longer_than_the_pictures(tmp_path: Path) -> None:
    clip = tmp_path / "a.mkv"
    sound = ("-f", "lavfi", "-i", "sine=d=8")
    run("-f", "lavfi", "-i", "testsrc=s=64x64:r=10:d=3", *sound, "-c:a", "flac", clip)
    assert probe(clip).duration_seconds == 8.0
    assert len(read_all(clip)) == 6


def test_damage_inside(tmp_path: Path, bikes: Path) -> None:
    data = bytearray(bikes.read_bytes())
    data[200_000:200_400] = bytes(400)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data)
    assert refused(broken).reason == "corrupt"


def test_no_video_in_it(tmp_path: Path) -> None:
    sound = tmp_path / "sound.mp4"
    run("-f", "lavfi", "-i", "sine=d=1", sound)
    assert refused(sound).reason == "no_video_stream"
    with pytest.raises(VideoError, match="no video stream"):
        probe(sound)
    text = tmp_path / "text.mp4"
    text.write_text("This is a note, not a film.\n" * 10)
    assert refused(text).reason == "unreadable"
    (tmp_path / "empty.mp4").touch()
    assert refused(tmp_path / "empty.mp4").reason == "empty"
    assert refused(tmp_path / "missing.mp4").reason == "missing"
    assert refused(tmp_path).reason == "unreadable"


def test_cover_picture_is_no_video(tmp_path: Path) -> None:
    cover, song = tmp_path / "cover.png", tmp_path / "song.mp4"
    run("-f", "lavfi", "-i", "testsrc=s=64x64", "-frames:v", "1", cover)
    attach = ("-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v:0", "attached_pic")
    run("-f", "lavfi", "-i", "sine=d=1", "-i", cover, *attach, song)
    assert refused(song).reason == "no_video_stream"


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nFILM\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile FILM\n",
    ],
)
@pytest.mark.parametrize("name", ["list.mp4", "list.m3u8", "list.ffconcat"])
def test_playlists_are_not_followed(tmp_path: Path, bikes: Path, text: str, name: str) -> None:
    (tmp_path / "film.mp4").write_bytes(bikes.read_bytes())
    playlist = tmp_path / name
    playlist.write_text(text.replace("FILM", "film.mp4"))
    assert refused(playlist).reason == "unreadable"


@pytest.mark.parametrize(
    "name",
    [
        "a b.mp4",
        'it\'s "quoted".mp4',
        "two\nlines [error] x.mp4",
        "-x.mp4",
        "concat:x.mp4",
        "file:x.mp4",
        "%03d.mp4",
        "[a];b,c=d\\.mp4",
        "видео🎬.mp4",
        os.fsdecode(b"latin\xe9.mp4"),
        "noextension",
    ],
)
def test_any_name_is_a_plain_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bikes: Path, name: str
) -> None:
    (tmp_path / "x.mp4").write_bytes(b"a decoy")
    (tmp_path / name).write_bytes(bikes.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert len(read_all(Path(name))) == 20
    (tmp_path / name).write_text("not a video")
    assert refused(Path(name)).reason == "unreadable"


def test_stopping_early_ends_ffmpeg(bikes: Path) -> None:
    frames = VideoReader(bikes, fps=25, size=256, batch_frames=1).frames()
    next(frames)
    assert ffmpeg_children()
    frames.close()
    assert not ffmpeg_children()


def test_limits(tmp_path: Path, bikes: Path) -> None:
    assert refused(bikes, limits=ReadLimits(max_pixels=640 * 272 - 1)).reason == "too_large"
    assert len(read_all(bikes, limits=ReadLimits(max_pixels=640 * 288))) == 20
    assert refused(bikes, limits=ReadLimits(max_seconds=5)).reason == "too_long"
    ribbon = tmp_path / "ribbon.mkv"
    run("-f", "lavfi", "-i", "color=s=2048x16:r=5:d=1", "-c:v", "ffv1", ribbon)
    assert refused(ribbon).reason == "too_large"


def test_timeout_kills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bikes: Path) -> None:
    stuck = tmp_path / "ffmpeg"
    stuck.write_text("#!/bin/sh\nsleep 60\n")
    stuck.chmod(0o755)
    monkeypatch.setattr("vimpac.pipeline.video.ffmpeg.ffmpeg_executable", lambda: str(stuck))
    began = time.monotonic()
    assert refused(bikes, limits=ReadLimits(timeout=0.3)).reason == "timeout"
    assert time.monotonic() - began < 5
    assert not ffmpeg_children()


def test_crashed_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bikes: Path) -> None:
    crashing = tmp_path / "ffmpeg"
    crashing.write_text("#!/bin/sh\nkill -SEGV $$\n")
    crashing.chmod(0o755)
    monkeypatch.setattr("vimpac.pipeline.video.ffmpeg.ffmpeg_executable", lambda: str(crashing))
    assert refused(bikes).reason == "decoder_crashed"


def test_memory_is_bounded_by_the_batch(bikes: Path) -> None:
    batches = list(VideoReader(bikes, fps=4, size=64, batch_frames=4).frames())
    assert [len(frames) for frames in batches] == [4] * 10
    for frames in batches:
        assert frames.base is None
        assert frames.nbytes == 4 * 64 * 151 * 3


def test_large_pictures_come_in_smaller_batches(
    bikes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame_bytes = 64 * 151 * 3
    monkeypatch.setattr("vimpac.pipeline.video.pictures.BATCH_BYTES", 3 * frame_bytes)
    batches = list(VideoReader(bikes, fps=4, size=64).frames())
    assert [len(frames) for frames in batches] == [3] * 13 + [1]


@pytest.mark.parametrize("name", ["bikes.mp4", "carphone_pristine.mp4"])
def test_several_sizes_from_one_pass_equal_a_pass_each(name: str) -> None:
    clip = real_clip(name)
    reader = VideoReader(clip, fps=4, size=64, other_sizes=(80, 40), batch_frames=7)
    at_once = [np.concatenate(arrays) for arrays in zip(*reader.batches(), strict=True)]
    for frames, size in zip(at_once, (64, 80, 40), strict=True):
        assert np.array_equal(frames, read_all(clip, fps=4, size=size))
    with pytest.raises(ValueError, match="distinct"):
        VideoReader(clip, fps=4, size=64, other_sizes=(64,))


def test_views_are_slices(bikes: Path) -> None:
    frames = next(VideoReader(bikes, fps=2, size=64).frames())  # 64 x 151
    shown = {view.name: crop(frames, view, 64) for view in paper_views() if not view.large}
    assert np.array_equal(shown["top_left"], frames[:, :, :64])
    assert np.array_equal(shown["center"], center_crop(frames, 64))
    assert np.array_equal(shown["bottom_right_flip"], frames[:, :, -64:][:, :, ::-1])
    assert np.array_equal(crop(frames, View(crop="full"), 64, 8), frames[:, :, 3:147])
    assert all(np.shares_memory(view, frames) for view in shown.values())
    assert sizes_of(paper_views(), 64) == (64, 80)


def test_info_only_after_the_end(bikes: Path) -> None:
    reader = VideoReader(bikes, fps=2, size=32)
    with pytest.raises(RuntimeError, match="after its last frame"):
        _ = reader.info


def test_which_lines_are_errors() -> None:
    log = """\
[info] Input #0, mov,mp4, from 'INPUT':
[info]   Stream #0:0: Video: h264 (High), yuv420p, 64x64, 25 fps
[info]   Stream #0:1: Audio: mp3 (mp3float) (.mp3 / 0x33706D2E), 44100 Hz
[info] Stream mapping:
[mp3float @ 0x55] [error] Header missing
[h264 @ 0x55] [error] mmco: unref short failure
[h264 @ 0x55] [warning] deprecated pixel format
[h264 @ 0x55] [error] Invalid NAL unit size (2 > 1).
[vist#0:0/h264 @ 0x55] [dec:h264 @ 0x56] [warning] corrupt decoded frame
"""
    assert error_lines(log) == ["Invalid NAL unit size (2 > 1).", "corrupt decoded frame"]


@pytest.mark.parametrize("settings", [{"fps": 0.0}, {"size": 0}, {"batch_frames": 0}])
def test_settings_are_checked(bikes: Path, settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        read_all(bikes, **settings)
