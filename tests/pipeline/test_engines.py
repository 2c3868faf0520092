"""Whatever runs the job, in whatever parts, the store has the same bytes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from test_resume import bytes_below, wait_for
from vimpac.datasets import TokenStore
from vimpac.pipeline import PipelineError, RunOptions, TokenizeConfig, tokenize
from vimpac.pipeline.tokenizing.machine import devices, part_in_array, part_of, ray_device

SIZES = ("--size", 32, "--views", "paper-noflip", "--format", "webdataset")


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "vimpac.pipeline.cli", "tokenize", *map(str, words)]


@pytest.fixture(scope="module")
def undisturbed(motion_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "tokens"
    config = TokenizeConfig(
        inputs=(str(motion_set),), out=out, size=32, views="paper-noflip", form="webdataset"
    )
    summary = tokenize(config, RunOptions(processes=1))
    assert summary["tokenized"] == 14
    assert summary["tokens"] == 6 * 16 * summary["frames"]
    return out


def test_parts_of_a_job_make_the_whole(motion_set, undisturbed, tmp_path, vimpac, monkeypatch):
    out = tmp_path / "tokens"
    words = ["tokenize", motion_set, "--out", out, *SIZES, "--processes", 1, "--json"]
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "5")
    monkeypatch.setenv("SLURM_ARRAY_TASK_MIN", "5")
    monkeypatch.setenv("SLURM_ARRAY_TASK_MAX", "7")
    assert vimpac(*words).document["videos"] == 6
    for part in ("1/3", "2/3"):
        assert vimpac(*words, "--shard", part).document["videos"] == 4
    assert bytes_below(out) == bytes_below(undisturbed)
    assert vimpac(*words, "--shard", "0/1").document["skipped"] == 14


def test_ray_actors_make_the_same_bytes(motion_set, undisturbed, tmp_path):
    out = tmp_path / "tokens"
    words = command(motion_set, "--out", out, *SIZES, "--engine", "ray", "--processes", 2, "--json")
    ended = subprocess.run(words, capture_output=True, text=True, timeout=200, check=False)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["tokenized"] == 14
    assert bytes_below(out) == bytes_below(undisturbed)


def children_of(parent: int) -> list[int]:
    """Worker processes, not the one that tracks what multiprocessing leaves behind."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    commands = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
    return [pid for pid, line in commands.items() if b"spawn_main" in line]


def test_a_worker_that_is_killed_is_replaced(motion_set, undisturbed, tmp_path):
    out = tmp_path / "tokens"
    job = subprocess.Popen(
        command(motion_set, "--out", out, *SIZES, "--processes", 2),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    wait_for(lambda: len(children_of(job.pid)) == 2)
    os.kill(children_of(job.pid)[0], signal.SIGKILL)
    assert job.wait(120) == 0
    assert bytes_below(out) == bytes_below(undisturbed)


def test_workers_do_not_outlive_the_run(motion_set, tmp_path):
    job = subprocess.Popen(
        command(motion_set, "--out", tmp_path / "tokens", *SIZES, "--processes", 2),
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: len(children_of(job.pid)) == 2)
    workers = children_of(job.pid)
    job.kill()
    job.wait()
    wait_for(lambda: not any(running(pid) for pid in workers), seconds=20)


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("part", ["3/2", "a/b", "1/0", "1", "-1/3"])
def test_parts_are_checked(part):
    with pytest.raises(PipelineError, match="--shard should be i/n"):
        part_of(10, part)


def test_parts_cover_all_counted_from_0_or_from_1():
    for first in (0, 1):
        parts = [part_of(10, f"{first + number}/3") for number in range(3)]
        assert sorted(shard for part in parts for shard in part) == list(range(10))
    assert part_of(10, None) == range(10)


def test_job_arrays():
    def array(number: int, least: int, most: int, **others: str) -> dict[str, str]:
        names = {"ID": str(number), "MIN": str(least), "MAX": str(most), **others}
        return {f"SLURM_ARRAY_TASK_{name}": value for name, value in names.items()}

    assert part_in_array({}) is None
    assert part_in_array(array(0, 0, 9)) == "0/10"
    assert part_in_array(array(10, 1, 10, COUNT="10")) == "9/10"
    assert part_in_array(array(7, 3, 11, STEP="4", COUNT="3")) == "1/3"
    with pytest.raises(PipelineError, match="gaps"):
        part_in_array(array(7, 3, 11, COUNT="2"))


def test_devices_are_checked():
    assert devices("cpu") == ("cpu",)
    for name in ("abacus", "cuda:0,abacus", "cuda:77"):
        with pytest.raises(PipelineError, match=r"unknown device '.*'; this machine has cpu"):
            devices(name)


def test_ray_takes_cards_where_it_has_them_and_names_none():
    with_cards, without = {"CPU": 8.0, "GPU": 2.0}, {"CPU": 8.0}
    assert [ray_device("auto", cluster) for cluster in (with_cards, without)] == ["cuda", "cpu"]
    assert [ray_device(name, with_cards) for name in ("cpu", "cuda")] == ["cpu", "cuda"]
    for name in ("cuda:0", "cuda:0,cuda:2", "bogus"):
        with pytest.raises(PipelineError, match=f"auto, cpu, cuda with --engine ray, not {name}"):
            RunOptions(engine="ray", device=name)


def test_views_are_what_each_crop_gives_alone(clips, tmp_path):
    def made(views: str) -> TokenStore:
        out = tmp_path / views
        config = TokenizeConfig(inputs=(str(clips[1]),), out=out, size=32, views=views)
        tokenize(config, RunOptions(processes=1))
        return TokenStore.open(out)

    paper, noflip, center, full = map(made, ("paper", "paper-noflip", "center", "full"))
    key = clips[1].stem
    assert (paper.read(key, "center") == center.read(key)).all()
    assert len(paper.identity.views) == 12
    for view in noflip.identity.views:
        assert (paper.read(key, view) == noflip.read(key, view)).all()
    assert full.read(key, "full").shape[1:] == (4, 5)  # 32 x 43 pixels
