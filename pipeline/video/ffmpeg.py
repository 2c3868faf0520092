"""Run ffmpeg: find it, start it in its own process group, stream its output, always end it."""

import functools
import os
import select
import shutil
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import imageio_ffmpeg

_CHUNK = 16 * 1024
_HEAD_BYTES = 256 * 1024
_TAIL_CHUNKS = 4


class FFmpegTimeout(Exception):
    """Ffmpeg gave no sign of life for the seconds it was allowed."""


@functools.cache
def ffmpeg_executable() -> str:
    """Path of the ffmpeg to run: the one on PATH, else the imageio-ffmpeg wheel's.

    Raises:
        RuntimeError: there is neither.
    """
    return shutil.which("ffmpeg") or str(imageio_ffmpeg.get_ffmpeg_exe())


def compile_command(stream: Any) -> list[str]:
    """Argument list of an ffmpeg-python output stream, quiet but for tagged log lines.

    Every log line starts with its level in brackets (`[error] ...`), none is folded into "last
    message repeated", and nothing reads the terminal.
    """
    stream = stream.global_args("-nostdin", "-nostats", "-hide_banner", "-v", "repeat+level+info")
    command: list[str] = stream.compile(cmd=ffmpeg_executable())
    return command


@dataclass(frozen=True, kw_only=True)
class FFmpegExit:
    """How a run ended.

    Attributes:
        returncode: the exit status; negative when a signal ended it.
        log: what it wrote on stderr: all of a short log, the two ends of a very long one.
    """

    returncode: int
    log: str


class FFmpegProcess:
    """A running ffmpeg, to be used as a context manager: leaving the block kills its whole group.

    Its stderr is drained by a thread, so a chatty decoder never blocks; what is kept is bounded.

    Args:
        command: the argument list; no shell sees it.
        timeout: the longest silence, in seconds, a read or the final exit may take. The time the
            caller spends between reads does not count.
    """

    def __init__(self, command: Sequence[str], *, timeout: float) -> None:
        self._timeout = timeout
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            process_group=0,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._stdout = self._process.stdout
        self._log_head = bytearray()
        self._log_tail: deque[bytes] = deque(maxlen=_TAIL_CHUNKS)
        self._drain = threading.Thread(target=self._drain_log, daemon=True)
        self._drain.start()

    def read_into(self, buffer: memoryview) -> int:
        """Fill `buffer` from stdout; fewer bytes than its length come only at the end.

        Raises:
            FFmpegTimeout: nothing arrived for `timeout` seconds.
        """
        filled = 0
        poll = select.poll()
        poll.register(self._stdout, select.POLLIN | select.POLLHUP)
        while filled < len(buffer):
            if not poll.poll(self._timeout * 1000):
                raise FFmpegTimeout
            count = os.readv(self._stdout.fileno(), [buffer[filled:]])
            if count == 0:
                break
            filled += count
        return filled

    def finish(self) -> FFmpegExit:
        """Wait for the exit after the last byte of stdout.

        Raises:
            FFmpegTimeout: it does not end within `timeout` seconds.
        """
        try:
            returncode = self._process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            raise FFmpegTimeout from None
        self._drain.join()
        log = bytes(self._log_head) + b"".join(self._log_tail)
        return FFmpegExit(returncode=returncode, log=log.decode("utf-8", "replace"))

    def close(self) -> None:
        """Kill the process group if it still lives and free the pipes; more than once is fine."""
        _kill_group(self._process)
        self._drain.join()
        self._stdout.close()

    def _drain_log(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stderr:
            while chunk := stderr.read(_CHUNK):
                if len(self._log_head) < _HEAD_BYTES:
                    self._log_head += chunk
                else:
                    self._log_tail.append(chunk)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def run_to_end(command: Sequence[str], *, timeout: float, stdin: bytes = b"") -> FFmpegExit:
    """Run a command that writes a file: feed it `stdin`, wait, and return how it ended.

    Raises:
        FFmpegTimeout: it did not end within `timeout` seconds; its process group is dead.
    """
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        process_group=0,
    ) as process:
        try:
            _, log = process.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            raise FFmpegTimeout from None
        finally:
            _kill_group(process)
    return FFmpegExit(returncode=process.returncode, log=log.decode("utf-8", "replace"))


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what still runs; a process already waited for has no group of its own any more."""
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
