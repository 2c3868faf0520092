"""What becomes of a shard whose workers die: retried, searched by halves, the killer set aside."""

from collections.abc import Callable
from pathlib import Path

import pytest
from vimpac.pipeline import PipelineError
from vimpac.pipeline.tokenizing import TokenizeConfig, TokenizeJob
from vimpac.pipeline.tokenizing.pool import Ended, Task
from vimpac.pipeline.tokenizing.schedule import STARTS_FORGIVEN, run_shards
from vimpac.pipeline.tokenizing.shard import ShardDone
from vimpac.pipeline.video import VideoSource

VIDEOS = 37


class FakePool:
    """Workers that die when `dies` says so of the videos they were given."""

    size = 2

    def __init__(self, job: TokenizeJob, dies: Callable[[Task, set[str]], bool]) -> None:
        self.job = job
        self.dies = dies
        self.tasks: list[Task] = []
        self.log: list[Task] = []
        self.starting = 0

    def start(self, task: Task) -> None:
        self.tasks.append(task)
        assert len(self.tasks) <= self.size

    def wait(self) -> Ended:
        task = self.tasks.pop(0)
        if self.starting:
            self.starting -= 1
            return Ended(task=task, died=True, begun=False)
        self.log.append(task)
        keys = {
            source.key for source in self.job.shards[task.shard][slice(*(task.trial or (None,)))]
        }
        if self.dies(task, keys - set(task.quarantined)):
            return Ended(task=task, died=True)
        done = ShardDone(shard=task.shard) if task.trial is None else None
        return Ended(task=task, done=done)


@pytest.fixture
def job() -> TokenizeJob:
    shards = tuple(
        tuple(
            VideoSource(key=f"{shard}/{n}", path=Path("x"), extension=".mp4", size=1)
            for n in range(VIDEOS)
        )
        for shard in range(3)
    )
    return TokenizeJob(config=TokenizeConfig(inputs=(), out=Path("t")), shards=shards)


def run(pool: FakePool) -> list[int]:
    return sorted(done.shard for done in run_shards(pool.job, range(3), pool))


def last_of(pool: FakePool, shard: int) -> Task:
    return [task for task in pool.log if task.shard == shard][-1]


@pytest.mark.parametrize("killers", [{"1/0"}, {"1/36"}, {"1/17"}, {"1/3", "1/4", "1/30"}])
def test_the_videos_that_kill_are_found(job: TokenizeJob, killers: set[str]) -> None:
    pool = FakePool(job, lambda task, keys: bool(keys & killers))
    assert run(pool) == [0, 1, 2]
    assert set(last_of(pool, 1).quarantined) == killers
    assert len([task for task in pool.log if task.shard == 1]) < 16 * len(killers)
    assert [task.trial for task in pool.log if task.shard != 1] == [None, None]


def test_one_death_is_forgiven(job: TokenizeJob) -> None:
    deaths = iter([True])
    pool = FakePool(job, lambda task, keys: task.shard == 1 and next(deaths, False))
    assert run(pool) == [0, 1, 2]
    assert last_of(pool, 1) == Task(shard=1)
    assert len(pool.log) == 4


def test_deaths_of_other_causes_accuse_no_video(job: TokenizeJob) -> None:
    deaths = iter([True, True, True, True, True, False, True])  # the shard twice, then trials
    pool = FakePool(job, lambda task, keys: task.shard == 1 and next(deaths, False))
    assert run(pool) == [0, 1, 2]
    assert last_of(pool, 1) == Task(shard=1)


def test_a_video_is_accused_only_when_its_workers_die_each_time(job: TokenizeJob) -> None:
    """Twice the shard, then every trial that holds its first video, but not the third alone."""
    deaths = 0

    def dies(task: Task, keys: set[str]) -> bool:
        nonlocal deaths
        deaths += "1/0" in keys
        return "1/0" in keys and deaths < 9

    pool = FakePool(job, dies)
    assert run(pool) == [0, 1, 2]
    assert [task.trial for task in pool.log].count((0, 1)) == 3
    assert last_of(pool, 1) == Task(shard=1)


def test_deaths_before_a_worker_has_begun_accuse_nobody(job: TokenizeJob) -> None:
    pool = FakePool(job, lambda task, keys: False)
    pool.starting = STARTS_FORGIVEN
    assert run(pool) == [0, 1, 2]
    assert sorted(task.shard for task in pool.log) == [0, 1, 2]
    pool.starting = STARTS_FORGIVEN + 1
    with pytest.raises(PipelineError, match="died before they had begun"):
        run(pool)


def test_a_shard_that_always_kills_ends_the_run(job: TokenizeJob) -> None:
    pool = FakePool(job, lambda task, keys: task.shard == 1 and task.trial is None)
    with pytest.raises(PipelineError, match="keep dying on shard 1, on none of its videos alone"):
        run(pool)
