"""Which source frame each frame shows, proven by clips that show their own frame number."""

from pathlib import Path

import numpy as np
import pytest
from rendered_clips import numbered_clip, numbers_shown, read_all, run


@pytest.mark.parametrize("fps", [2.0, 4.0, 16.0])
@pytest.mark.parametrize(
    ("name", "rate", "options"),
    [
        ("a.mp4", "25", ()),
        ("a.mp4", "30000/1001", ()),
        ("a.mkv", "16", ()),
        ("a.avi", "12", ("-c:v", "mpeg4", "-q:v", "2")),
    ],
)
def test_each_frame_is_the_one_on_screen(
    tmp_path: Path, fps: float, name: str, rate: str, options: tuple[str, ...]
) -> None:
    frames = 80
    clip = numbered_clip(tmp_path / name, fps=rate, frames=frames, options=options)
    above, _, below = rate.partition("/")
    source = float(above) / float(below or 1)
    expected = []
    while (second := len(expected) / fps) < frames / source - 0.75e-3:
        expected.append(int((second + 0.75e-3) * source))
    assert numbers_shown(read_all(clip, fps=fps, size=64)) == expected


@pytest.mark.parametrize("fps", [2.0, 4.0, 16.0])
@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_each_frame_is_the_one_on_screen_at_a_variable_rate(
    tmp_path: Path, fps: float, name: str
) -> None:
    """Frame n appears at 2.5 n^2 + 20 n milliseconds: from 44 frames a second down to 5."""
    slowing = ("-vf", "settb=1/1000,setpts=floor(2.5*N*N+20*N)", "-fps_mode", "vfr")
    options = (*slowing, "-enc_time_base", "1/1000")
    clip = numbered_clip(tmp_path / name, fps="25", frames=40, options=options)
    appears = [int(2.5 * n * n + 20 * n) / 1000 for n in range(40)]
    times = np.arange(int((appears[-1] + 0.75e-3) * fps) + 1) / fps
    expected = np.searchsorted(appears, times + 0.75e-3, side="right") - 1
    assert numbers_shown(read_all(clip, fps=fps, size=64)) == list(expected)


def test_times_count_from_the_first_frame(tmp_path: Path) -> None:
    plain = numbered_clip(tmp_path / "a.mp4", fps="10", frames=40)
    shifted = tmp_path / "b.ts"
    run("-i", plain, "-c", "copy", "-output_ts_offset", "5", shifted)
    assert numbers_shown(read_all(shifted, size=64)) == [0, 5, 10, 15, 20, 25, 30, 35]
