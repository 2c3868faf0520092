"""Running a tokenize job from its plan to its summary, on any engine."""

import errno
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ...datasets import TokenStore
from ...tokenizer import Tokenizer, load_tokenizer
from ..errors import PipelineError
from ..video import remove_dead_copies
from .config import RunOptions, TokenizeConfig
from .local import ProcessPool
from .machine import cores, devices, part_in_array, part_of, ray_device
from .plan import TokenizeJob, plan_job
from .pool import InlinePool, OnVideo, Pool, Worker, WorkerSettings
from .schedule import run_shards
from .shard import ShardDone, VideoDone
from .summary import summarise

MOST_DECODERS = 8
"""Videos a worker of an accelerator decodes at once, if the machine has the cores."""


def tokenize(
    config: TokenizeConfig,
    options: RunOptions | None = None,
    *,
    on_video: Callable[[VideoDone], None] | None = None,
) -> dict[str, Any]:
    """Tokenize videos into a store; the same call again goes on where one was cut off.

    Args:
        config: what to tokenize, and how its codes are made.
        options: how to run.
        on_video: called after each video.

    Returns:
        See `run_job`.

    Raises:
        PipelineError: workers keep dying, or more than `options.max_failures` videos failed; what
            is committed stays.
        InputError, StoreError, TokenizerError: nothing could be started.
    """
    options = options or RunOptions()
    check_options(options)
    tokenizer = load_tokenizer(config.tokenizer, precision=config.precision, trust=config.trust)
    return run_job(plan_job(config, tokenizer), tokenizer, options, on_video=on_video)


def run_job(
    job: TokenizeJob,
    tokenizer: Tokenizer,
    options: RunOptions | None = None,
    *,
    on_video: Callable[[VideoDone], None] | None = None,
    on_shard: Callable[[ShardDone], None] | None = None,
) -> dict[str, Any]:
    """Run a planned job, or this run's part of it, to its end; see `tokenize`.

    Returns:
        What `summarise` tells, and of this run: `seconds`, `decode_seconds`, `encode_seconds`.
    """
    options = options or RunOptions()
    remove_dead_copies()
    watch = Watch(options.max_failures, on_video)
    began = time.monotonic()
    done: list[ShardDone] = []
    shards = shards_of(len(job.shards), options)
    with told_when_full(job), make_pool(job, tokenizer, options, len(shards), watch) as pool:
        for shard in run_shards(job, shards, pool):
            done.append(shard)
            if on_shard is not None:
                on_shard(shard)
    done.sort(key=lambda shard: shard.shard)
    holds = any(shard.tokenized or shard.skipped for shard in done)
    return {
        **summarise(TokenStore.open(job.config.out) if holds else None, done),
        "seconds": time.monotonic() - began,
        "decode_seconds": watch.decode_seconds,
        "encode_seconds": watch.encode_seconds,
    }


@contextmanager
def told_when_full(job: TokenizeJob) -> Iterator[None]:
    """Say in one line that a disk is full, and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise PipelineError(
            f"no space left for {job.config.out} or for temporary files in "
            f"{tempfile.gettempdir()}; committed shards stay: make room and run the same command "
            "again"
        ) from error


def check_options(options: RunOptions) -> None:
    """Refuse what this machine cannot do, before a store is made for it.

    Raises:
        PipelineError: the part is none, or there is no such device.
    """
    shards_of(0, options)
    if options.engine == "local":
        devices(options.device)


def shards_of(shards: int, options: RunOptions) -> range:
    """This run's of all shards: its part by `--shard` or its place in a job array, else all."""
    return part_of(shards, part_for(options))


def part_for(options: RunOptions) -> str | None:
    """The part `i/n` that this run has, by `--shard` or its place in a job array."""
    return options.part or part_in_array(os.environ)


def make_pool(
    job: TokenizeJob, tokenizer: Tokenizer, options: RunOptions, shards: int, on_video: OnVideo
) -> Pool:
    """The workers that `options` ask for, no more than there are shards."""

    def settings(device: str, workers: int) -> WorkerSettings:
        return WorkerSettings(
            job=job,
            device=device,
            decoders=options.decoders or default_decoders(device, workers),
            retry_failed=options.retry_failed,
        )

    if options.engine == "ray":
        from .ray_engine import ActorPool, connect  # an extra of its own

        device = ray_device(options.device, connect())
        return ActorPool(settings(device, 1), min(options.processes or shards, shards), on_video)
    places = devices(options.device)
    if places == ("cpu",):
        places *= max(min(options.processes or cores(), shards), 1)
    workers = [settings(device, len(places)) for device in places]
    if options.processes == 1 and places == ("cpu",):
        return InlinePool(Worker(settings=workers[0], tokenizer=tokenizer), on_video)
    return ProcessPool(workers, on_video)


def default_decoders(device: str, workers: int) -> int:
    """Videos to decode at once: an ffmpeg a CPU worker; more to keep an accelerator busy."""
    return 1 if device == "cpu" else max(1, min(cores() // workers, MOST_DECODERS))


class Watch:
    """Counts what is done, each video once, and ends the job when too many failed."""

    def __init__(
        self, max_failures: int | None, on_video: Callable[[VideoDone], None] | None
    ) -> None:
        self.max_failures = max_failures
        self.on_video = on_video
        self.failures = 0
        self.decode_seconds = self.encode_seconds = 0.0
        self._seen: set[str] = set()

    def __call__(self, done: VideoDone) -> None:
        """Take note of a video; one that is done again, as its worker died, counts once."""
        self.decode_seconds += done.decode_seconds
        self.encode_seconds += done.encode_seconds
        if done.key in self._seen:
            return
        self._seen.add(done.key)
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
