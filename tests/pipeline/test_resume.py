"""A tokenize job that is killed, run again, ends with the bytes of an undisturbed one."""

import os
import signal
import subprocess
import sys
import time

import pytest


def start(*words):
    command = [sys.executable, "-m", "vimpac.pipeline.cli", "tokenize", *map(str, words)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)


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


@pytest.mark.parametrize("commits", [0, 2])
def test_kill_and_run_again(motion_set, store, tmp_path, commits):
    out = tmp_path / "tokens"
    words = (motion_set, "--out", out, "--size", 32, "--processes", 1)
    job = start(*words)
    wait_for(lambda: len(list(out.glob("commits/*.json"))) >= commits and (out / "shards").exists())
    os.killpg(job.pid, signal.SIGKILL)
    assert job.wait(10) == -signal.SIGKILL
    assert len(list(out.glob("commits/*.json"))) < 7
    assert start(*words).wait(60) == 0
    assert bytes_below(out) == bytes_below(store)


def test_ctrl_c_keeps_what_is_committed(motion_set, tmp_path):
    out = tmp_path / "tokens"
    job = start(motion_set, "--out", out, "--size", 32, "--processes", 2)
    wait_for(lambda: list(out.glob("commits/*.json")))
    os.killpg(job.pid, signal.SIGINT)
    assert job.wait(30) == 130
    assert list(out.glob("commits/*.json"))
