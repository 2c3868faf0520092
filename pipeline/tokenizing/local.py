"""The local engine: schedules the shards of a tokenize job on this machine's cores."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from typing import Any

import torch

from ...datasets import TokenStore
from ...tokenizer import Tokenizer, load_tokenizer
from ..errors import PipelineError
from .job import (
    ShardDone,
    TokenizeConfig,
    TokenizeJob,
    VideoDone,
    plan_job,
    run_shard,
    summarise,
)

POLL_SECONDS = 0.2


def tokenize(
    config: TokenizeConfig,
    *,
    processes: int | None = None,
    on_video: Callable[[VideoDone], None] | None = None,
) -> dict[str, Any]:
    """Tokenize videos into a store; the same call again goes on where one was cut off.

    Args:
        config: what to tokenize and how.
        processes: worker processes, by default one a core; 1 works in this process.
        on_video: called after each video.

    Returns:
        See `job.summarise`.

    Raises:
        PipelineError: a worker died, or more than `config.max_failures` videos failed; what is
            committed stays.
        InputError, StoreError, TokenizerError: nothing could be started.
    """
    tokenizer = load_tokenizer(config.tokenizer)
    return run_job(plan_job(config, tokenizer), tokenizer, processes=processes, on_video=on_video)


def run_job(
    job: TokenizeJob,
    tokenizer: Tokenizer,
    *,
    processes: int | None = None,
    on_video: Callable[[VideoDone], None] | None = None,
) -> dict[str, Any]:
    """Run a planned job to its end; see `tokenize`."""
    watch = _Watch(job.config.max_failures, on_video)
    count = min(processes or os.cpu_count() or 1, len(job.shards))
    if count == 1:
        done = [run_shard(job, shard, tokenizer, watch) for shard in range(len(job.shards))]
    else:
        done = _run_pool(job, count, watch)
    store = TokenStore.open(job.config.out) if any(shard.videos for shard in done) else None
    return summarise(store, done)


class _Watch:
    """Counts failures as videos are done, and ends the job when there are too many."""

    def __init__(
        self, max_failures: int | None, on_video: Callable[[VideoDone], None] | None
    ) -> None:
        self.max_failures = max_failures
        self.on_video = on_video
        self.failures = 0

    def __call__(self, done: VideoDone) -> None:
        if self.on_video is not None:
            self.on_video(done)
        self.failures += done.failure is not None
        if self.max_failures is not None and self.failures > self.max_failures:
            assert done.failure is not None
            raise PipelineError(
                f"more than {self.max_failures} videos failed, the last one {done.key} "
                f"({done.failure.reason}: {done.failure.detail}); committed shards stay: "
                "mend the inputs or raise --max-failures and run the same command again"
            )


def _run_pool(job: TokenizeJob, count: int, watch: _Watch) -> list[ShardDone]:
    context = get_context("spawn")
    events: SimpleQueue[VideoDone] = context.SimpleQueue()
    threads = max((os.cpu_count() or 1) // count, 1)
    arguments = (job, threads, events)
    with _killed_at_the_end(
        ProcessPoolExecutor(count, context, initializer=_start_worker, initargs=arguments)
    ) as pool:
        waiting = {pool.submit(_work, shard) for shard in range(len(job.shards))}
        done: list[ShardDone] = []
        while waiting:
            finished, waiting = wait(waiting, timeout=POLL_SECONDS, return_when="FIRST_COMPLETED")
            while not events.empty():
                watch(events.get())
            done += map(_result, finished)
        while not events.empty():
            watch(events.get())
    return sorted(done, key=lambda shard: shard.shard)


def _result(future: "Future[ShardDone]") -> ShardDone:
    try:
        return future.result()
    except BrokenProcessPool:
        raise PipelineError(
            "a worker process died (killed, or out of memory?); committed shards stay: "
            "run the same command again, with fewer --processes if memory was short"
        ) from None


@contextmanager
def _killed_at_the_end(pool: ProcessPoolExecutor) -> Iterator[ProcessPoolExecutor]:
    """Leave no worker behind, whatever ends the job."""
    try:
        yield pool
    except BaseException:
        for process in list(pool._processes.values()):
            process.kill()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_worker: tuple[TokenizeJob, Tokenizer, Callable[[VideoDone], None]]
"""What a worker process holds from shard to shard."""


def _start_worker(job: TokenizeJob, threads: int, events: "SimpleQueue[VideoDone]") -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    _worker = (job, load_tokenizer(job.config.tokenizer), events.put)


def _work(shard: int) -> ShardDone:
    job, tokenizer, on_video = _worker
    return run_shard(job, shard, tokenizer, on_video)
