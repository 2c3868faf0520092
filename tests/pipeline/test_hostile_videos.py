"""Sixty hostile files beside twenty good ones: the good ones' codes are what they are alone."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
from hostile_files import ffmpeg, make_hostile
from vimpac.datasets import TokenStore
from vimpac.pipeline.video import VideoError, probe

GOOD = 20
OPTIONS = ("--size", 32, "--processes", 1, "--json")


@pytest.fixture(scope="module")
def good(clips, tmp_path_factory) -> Path:
    """Pieces of a real clip."""
    folder = tmp_path_factory.mktemp("good")
    for number in range(GOOD):
        piece = ("-ss", number / 4, "-i", clips[0], "-t", 2, "-vf", "scale=160:-2")
        ffmpeg(*piece, folder / f"good{number:02d}.mp4")
    return folder


def test_bad_files_change_nothing_for_good_ones(good, clips, tmp_path, vimpac):
    folder = tmp_path / "videos"
    folder.mkdir()
    expected = make_hostile(folder, clips[0], good / "good00.mp4")
    assert len(expected) >= 60
    for clip in good.iterdir():
        (folder / clip.name).write_bytes(clip.read_bytes())
    began = time.monotonic()
    summary = vimpac("tokenize", folder, "--out", tmp_path / "all", *OPTIONS).document
    assert time.monotonic() - began < 200
    failed = {failure["video"]: failure["reason"] for failure in summary["failures"]}
    assert failed == {name: reason for name, reason in expected.items() if reason}
    whole = {name for name, reason in expected.items() if reason is None}
    both, alone = TokenStore.open(tmp_path / "all"), tmp_path / "alone"
    assert set(both.keys) == whole | {clip.stem for clip in good.iterdir()}
    vimpac("tokenize", good, "--out", alone, *OPTIONS)
    for key in TokenStore.open(alone).keys:
        np.testing.assert_array_equal(both.read(key), TokenStore.open(alone).read(key))


def test_a_file_without_permission(good):
    clip = good / "good00.mp4"
    clip.chmod(0)
    user = os.geteuid()
    if user == 0:  # root may read everything
        os.seteuid(65534)
    try:
        with pytest.raises(VideoError) as caught:
            probe(clip)
    finally:
        os.seteuid(user)
        clip.chmod(0o644)
    assert (caught.value.reason, caught.value.detail) == (
        "no_permission",
        "the file may not be read",
    )
