"""The local engine: worker processes on this machine, each on a pipe of its own.

A worker that dies takes nothing with it: no queue and no lock is shared between workers.
"""

import os
import pickle
import signal
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread
from types import TracebackType
from typing import Self

from ..video import remove_dead_copies
from .pool import Ended, OnVideo, Task, WorkerSettings
from .shard import ShardDone, VideoDone


@dataclass(frozen=True, slots=True)
class Failed:
    """What a worker sends when a task raised an error: the error, and where it was raised."""

    error: Exception
    trace: str


@dataclass(frozen=True, slots=True)
class Begun:
    """What a worker sends once it has loaded its tokenizer."""


class ProcessPool:
    """Worker processes of this machine; one that died is replaced when there is work."""

    def __init__(self, workers: Sequence[WorkerSettings], on_video: OnVideo) -> None:
        self.size = len(workers)
        self.on_video = on_video
        self._free = list(workers)
        self._idle: list[_Process] = []
        self._busy: dict[Connection, _Process] = {}

    def start(self, task: Task) -> None:
        """Give a task to an idle worker, or to a new one."""
        process = self._idle.pop() if self._idle else _Process(self._free.pop())
        process.give(task)
        self._busy[process.connection] = process

    def wait(self) -> Ended:
        """Wait for a task to end, passing on what the workers tell of their videos."""
        while True:
            for connection in wait(list(self._busy)):
                assert isinstance(connection, Connection)
                process = self._busy[connection]
                message = process.receive()
                if message is None:
                    continue
                if isinstance(message, VideoDone):
                    self.on_video(message)
                    continue
                del self._busy[connection]
                if isinstance(message, Failed):
                    process.kill()
                    message.error.add_note(message.trace)
                    raise message.error
                if message.died:
                    process.kill()
                    self._free.append(process.settings)
                else:
                    self._idle.append(process)
                return message

    def __enter__(self) -> Self:
        """Return the pool; workers start with their first task."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill the workers: whatever they have not committed is done again by the next run."""
        for process in (*self._idle, *self._busy.values()):
            process.kill()
        remove_dead_copies()


class _Process:
    """One worker process and the pipe to it."""

    def __init__(self, settings: WorkerSettings) -> None:
        context = get_context("spawn")
        self.settings = settings
        self.connection, theirs = context.Pipe()
        self.task: Task | None = None
        self.begun = False
        self.process: BaseProcess = context.Process(
            target=_serve, args=(settings, theirs), daemon=True
        )
        self.process.start()
        theirs.close()

    def give(self, task: Task) -> None:
        """Send a task."""
        self.task = task
        with suppress(OSError):  # it has died: `receive` will find out
            self.connection.send(task)

    def receive(self) -> VideoDone | Ended | Failed | None:
        """The next message, none for `Begun`; the end of the pipe is the worker's death."""
        assert self.task is not None
        try:
            message = self.connection.recv()
        except (EOFError, OSError):
            return Ended(task=self.task, died=True, begun=self.begun)
        if isinstance(message, Begun):
            self.begun = True
            return None
        if isinstance(message, VideoDone | Failed):
            return message
        return Ended(task=self.task, done=message)

    def kill(self) -> None:
        """End the worker, whatever it does."""
        self.process.kill()
        self.process.join()
        self.connection.close()


def _serve(settings: WorkerSettings, connection: Connection) -> None:
    """A worker's life: load the tokenizer, then task after task."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; it ends us
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        worker = settings.load()
        connection.send(Begun())
        while True:
            done: ShardDone | None = worker.work(connection.recv(), connection.send)
            connection.send(done)
    except (EOFError, BrokenPipeError):
        return
    except Exception as error:
        connection.send(Failed(_sendable(error), traceback.format_exc()))


def _sendable(error: Exception) -> Exception:
    """The error itself where it survives the way to another process."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _end_with_parent() -> None:
    """Die at once when the parent has died: a second run may begin at any moment."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
