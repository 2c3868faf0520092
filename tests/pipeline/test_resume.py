"""A tokenize job that is killed, run again, ends with the bytes of an undisturbed one."""

import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time

import pytest

COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
from vimpac.pipeline.cli import main
main()
"""


def start(*words, **variables):
    command = [sys.executable, "-c", COMMAND, "tokenize", *map(str, words)]
    environment = os.environ | {name: str(value) for name, value in variables.items()}
    return subprocess.Popen(
        command, stderr=subprocess.DEVNULL, start_new_session=True, env=environment
    )


def bytes_below(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def slow_videos(clips, tmp_path_factory):
    """Six videos, a shard each, of which every one takes a good part of a second."""
    folder = tmp_path_factory.mktemp("slow")
    for name in "abcdef":
        shutil.copy(clips[0], folder / f"{name}.mp4")
    return folder


OPTIONS = ("--size", 64, "--fps", 10)


@pytest.fixture(scope="module")
def undisturbed(slow_videos, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "tokens"
    assert start(slow_videos, "--out", out, *OPTIONS, "--processes", 1).wait(120) == 0
    return out


def commits_in(store):
    return len(list(store.glob("commits/*.json")))


@pytest.mark.parametrize("commits", [0, 2])
def test_kill_and_run_again(slow_videos, undisturbed, tmp_path, commits):
    out = tmp_path / "tokens"
    words = (slow_videos, "--out", out, *OPTIONS, "--processes", 1)
    job = start(*words)
    wait_for(lambda: (out / "shards").exists() and commits_in(out) >= commits)
    os.killpg(job.pid, signal.SIGKILL)
    assert job.wait(10) == -signal.SIGKILL
    assert commits <= commits_in(out) < 6
    assert start(*words).wait(120) == 0
    assert bytes_below(out) == bytes_below(undisturbed)


def test_ctrl_c_keeps_what_is_committed(slow_videos, undisturbed, tmp_path):
    out = tmp_path / "tokens"
    words = (slow_videos, "--out", out, *OPTIONS, "--processes", 2)
    job = start(*words)
    wait_for(lambda: commits_in(out) >= 1)
    os.killpg(job.pid, signal.SIGINT)
    assert job.wait(30) == 130
    assert 1 <= commits_in(out) < 6
    assert start(*words).wait(120) == 0
    assert bytes_below(out) == bytes_below(undisturbed)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_no_copy_of_a_tars_video_stays(slow_videos, tmp_path, stop):
    """Ctrl-C leaves none; those of a killed run go with the next, those of others stay."""
    temporary, out = tmp_path / "temporary", tmp_path / "tokens"
    temporary.mkdir()
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for video in slow_videos.iterdir():
            tar.add(video, video.name)
    words = (tmp_path / "a.tar", "--out", out, *OPTIONS, "--processes", 2)
    job = start(*words, TMPDIR=temporary)
    wait_for(lambda: list(temporary.glob(".tmp+vimpac-video+*")))
    os.killpg(job.pid, stop)
    job.wait(30)
    if stop == signal.SIGINT:
        assert not list(temporary.iterdir())
        return
    assert list(temporary.iterdir())
    (temporary / ".tmp+vimpac-video+elsewhere+1+0").touch()
    assert start(*words, TMPDIR=temporary).wait(120) == 0
    assert [file.name for file in temporary.iterdir()] == [".tmp+vimpac-video+elsewhere+1+0"]
