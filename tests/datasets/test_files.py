"""Leftovers of dead runs go; those of live ones stay."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from vimpac.datasets.format import files


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_leftovers_of_dead_processes_are_removed(tmp_path: Path) -> None:
    mine = files.temporary_path(tmp_path / "000001.zarr")
    mine.mkdir()
    dead = mine.with_name(mine.name.replace(f"+{os.getpid()}+", f"+{dead_process()}+"))
    dead.mkdir()
    (dead / "center.raw").touch()
    (tmp_path / "000001.zarr").mkdir()
    files.remove_dead_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {mine.name, "000001.zarr"}


def test_leftovers_of_other_machines_are_removed_when_old(tmp_path: Path) -> None:
    live, old = (tmp_path / f".tmp+000001.zarr+elsewhere{i}+12+abc" for i in range(2))
    for path in (live, old):
        path.mkdir()
        (path / "center.raw").touch()
    past = time.time() - files.DEAD_AFTER_SECONDS - 60
    for path in (old / "center.raw", old):
        os.utime(path, (past, past))
    files.remove_dead_leftovers(tmp_path, "000001.zarr")
    assert list(tmp_path.iterdir()) == [live]


def test_a_leftover_that_vanishes_is_let_be(tmp_path: Path) -> None:
    assert not files.is_dead(files.temporary_path(tmp_path / "plan.json"))


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "plan.json"
    files.write_atomic(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        files.write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
