"""What an engine is: workers that are given tasks and may die of them."""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

import torch

from ...tokenizer import Tokenizer, load_tokenizer
from .encoding import encode_videos
from .machine import one_thread
from .plan import TokenizeJob
from .shard import ShardDone, VideoDone, run_shard

OnVideo = Callable[[VideoDone], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A shard to tokenize, or some of its videos to try out.

    Attributes:
        shard: its number.
        quarantined: keys of videos not to touch.
        trial: encode only videos `[first, end)` and store nothing: does the worker survive them?
    """

    shard: int
    quarantined: tuple[str, ...] = ()
    trial: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a task ended.

    Attributes:
        task: the task.
        done: the shard it committed; none for a trial, or when the worker died.
        died: the worker died.
        begun: the worker had loaded its tokenizer: a death before is no fault of the task's.
    """

    task: Task
    done: ShardDone | None = None
    died: bool = False
    begun: bool = True


class Pool(Protocol):
    """Workers; a context manager that leaves none behind.

    Attributes:
        size: tasks it works on at once.
    """

    size: int

    def start(self, task: Task) -> None:
        """Give a task to a free worker."""

    def wait(self) -> Ended:
        """Wait for the next task to end; an error within a task is raised."""

    def __enter__(self) -> Self:
        """Start."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every worker."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerSettings:
    """What a worker is started with, small enough to send to it.

    Attributes:
        job: the planned job.
        device: where it encodes.
        decoders: videos it decodes at once.
        retry_failed: see `RunOptions`.
    """

    job: TokenizeJob
    device: str
    decoders: int
    retry_failed: bool

    def load(self) -> "Worker":
        """Start the worker of a process of its own: the tokenizer is loaded once."""
        if self.device == "cpu":
            torch.set_num_threads(1)  # for good; see `one_thread`
        config = self.job.config
        tokenizer = load_tokenizer(
            config.tokenizer, self.device, precision=config.precision, trust=config.trust
        )
        return Worker(settings=self, tokenizer=tokenizer)


@dataclass(frozen=True, kw_only=True, slots=True)
class Worker:
    """What works on tasks, in whichever process."""

    settings: WorkerSettings
    tokenizer: Tokenizer

    def work(self, task: Task, on_video: OnVideo) -> ShardDone | None:
        """Do a task; nothing comes of a trial."""
        job = self.settings.job
        if task.trial is not None:
            suspects = job.shards[task.shard][slice(*task.trial)]
            tried = [source for source in suspects if source.key not in task.quarantined]
            for _ in encode_videos(tried, self.tokenizer, job.config.recipe):
                pass
            return None
        return run_shard(
            job,
            task.shard,
            self.tokenizer,
            on_video,
            decoders=self.settings.decoders,
            retry_failed=self.settings.retry_failed,
            quarantined=task.quarantined,
        )


class InlinePool:
    """One worker in this process; it cannot die alone."""

    size = 1

    def __init__(self, worker: Worker, on_video: OnVideo) -> None:
        self.worker = worker
        self.on_video = on_video
        self.tasks: list[Task] = []
        self.thread = one_thread()

    def start(self, task: Task) -> None:
        """Remember the task."""
        self.tasks.append(task)

    def wait(self) -> Ended:
        """Do the task."""
        task = self.tasks.pop()
        return Ended(task=task, done=self.worker.work(task, self.on_video))

    def __enter__(self) -> Self:
        """Compute as a worker process does."""
        self.thread.__enter__()
        return self

    def __exit__(self, *ended: Any) -> None:
        """Give the threads back."""
        self.thread.__exit__(*ended)
