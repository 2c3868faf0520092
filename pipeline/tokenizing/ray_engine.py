"""The engine for many machines: Ray actors that load the tokenizer once.

Without a cluster (no `RAY_ADDRESS`) Ray starts on this machine alone, on its loopback address.
Every machine sees the inputs and the store under the same paths.
"""

import logging
import os
from collections.abc import Sequence
from typing import Any, Self

from ..errors import PipelineError
from ..video import remove_dead_copies
from .pool import Ended, OnVideo, Task, WorkerSettings
from .shard import ShardDone, VideoDone

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anyone
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # its future default
try:
    import ray
    from ray.exceptions import RayError, RayTaskError
except ImportError:
    raise PipelineError("--engine ray needs an extra: pip install 'vimpac[ray]'") from None

LOOPBACK = "127.0.0.1"


class Actor:
    """A worker in a process of its own on some machine of the cluster."""

    def __init__(self, settings: WorkerSettings) -> None:
        remove_dead_copies()  # on the actor's machine
        self.worker = settings.load()

    def begun(self) -> bool:
        """Answers once the tokenizer is loaded."""
        return True

    def work(self, task: Task) -> tuple[ShardDone | None, Sequence[VideoDone]]:
        """Do a task; what is returned is small, the codes are in the store."""
        videos: list[VideoDone] = []
        return self.worker.work(task, videos.append), videos


class ActorPool:
    """Ray actors of the cluster that was joined by `connect`, a core or a card each.

    One that died is replaced, on any machine.

    Args:
        settings: what every actor is started with; its device is `cpu` or `cuda`.
        most: actors at most; none is as many as the cluster has cores or cards.
        on_video: told of each video once its task has ended.
    """

    def __init__(self, settings: WorkerSettings, most: int | None, on_video: OnVideo) -> None:
        resource = "CPU" if settings.device == "cpu" else "GPU"
        found = int(ray.cluster_resources().get(resource, 0))
        if not found:
            raise PipelineError(f"the Ray cluster has no {resource}")
        self.size = min(found, most or found)
        self.on_video = on_video
        self.settings = settings
        self._kind: Any = ray.remote(Actor).options(**{f"num_{resource.lower()}s": 1})
        self._idle: list[tuple[Any, Any]] = []  # an actor, and its answer whether it has begun
        self._busy: dict[Any, tuple[Any, Any, Task]] = {}

    def start(self, task: Task) -> None:
        """Give a task to an idle actor, or to a new one."""
        actor, begun = self._idle.pop() if self._idle else self._new_actor()
        self._busy[actor.work.remote(task)] = (actor, begun, task)

    def _new_actor(self) -> tuple[Any, Any]:
        actor = self._kind.remote(self.settings)
        return actor, actor.begun.remote()

    def wait(self) -> Ended:
        """Wait for a task to end; what an actor raised is raised here."""
        (reference,), _ = ray.wait(list(self._busy), num_returns=1)
        actor, begun, task = self._busy.pop(reference)
        try:
            done, videos = ray.get(reference)
        except RayTaskError as error:
            raise error.cause from error
        except RayError:
            return Ended(task=task, died=True, begun=_answered(begun))
        self._idle.append((actor, begun))
        for video in videos:
            self.on_video(video)
        return Ended(task=task, done=done)

    def __enter__(self) -> Self:
        """Return the pool; actors start with their first task."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the cluster, which ends our actors."""
        ray.shutdown()


def _answered(reference: Any) -> bool:
    """Whether a call was answered before its actor died."""
    try:
        return bool(ray.get(reference))
    except RayError:
        return False


def connect() -> dict[str, float]:
    """Join the cluster that `RAY_ADDRESS` names, or start Ray on this machine; what it has."""
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if not os.environ.get("RAY_ADDRESS"):
        options |= {"include_dashboard": False, "_node_ip_address": LOOPBACK}
    ray.init(**options)
    resources: dict[str, float] = ray.cluster_resources()
    return resources
