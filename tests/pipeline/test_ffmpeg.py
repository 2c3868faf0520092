"""Running ffmpeg: streamed, bounded, always ended."""

import os
import sys
import time
from pathlib import Path

import ffmpeg
import pytest
from vimpac.pipeline.video.ffmpeg import (
    FFmpegProcess,
    FFmpegTimeout,
    compile_command,
    ffmpeg_executable,
    run_to_end,
)


def python(code: str) -> list[str]:
    """A stand-in for ffmpeg whose behaviour is known."""
    return [sys.executable, "-c", code]


def alive(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def read_all(process: FFmpegProcess) -> bytes:
    buffer = bytearray(1 << 20)
    return bytes(buffer[: process.read_into(memoryview(buffer))])


def test_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "ffmpeg"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ffmpeg_executable.__wrapped__() == str(own)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert Path(ffmpeg_executable.__wrapped__()).is_file()


def test_command_is_quiet_and_leveled() -> None:
    source = ffmpeg.input("testsrc=s=16x16:r=1:d=2", format="lavfi")
    command = compile_command(source.output("pipe:", format="rawvideo", pix_fmt="gray"))
    with FFmpegProcess(command, timeout=20) as process:
        assert len(read_all(process)) == 2 * 16 * 16
        ended = process.finish()
    assert ended.returncode == 0
    assert "[info] Input #0, lavfi" in ended.log


def test_chatty_stderr_neither_blocks_nor_grows() -> None:
    code = "import sys; sys.stderr.write('first\\n' + 'x' * 5_000_000 + '\\nlast'); print('out')"
    with FFmpegProcess(python(code), timeout=20) as process:
        assert read_all(process) == b"out\n"
        log = process.finish().log
    assert log.startswith("first")
    assert log.endswith("last")
    assert len(log) < 500_000


def test_silence_times_out_and_the_whole_group_is_killed() -> None:
    code = (
        "import subprocess, sys, time; "
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        "print(child.pid, flush=True); time.sleep(60)"
    )
    began = time.monotonic()
    buffer = bytearray(32)
    with (
        pytest.raises(FFmpegTimeout),
        FFmpegProcess(python(code), timeout=1.5) as process,
    ):
        process.read_into(memoryview(buffer))
    assert time.monotonic() - began < 10
    child = int(buffer.rstrip(b"\0"))
    for _ in range(50):
        if not alive(child):
            break
        time.sleep(0.05)
    assert not alive(child)


def test_signal_is_reported() -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    with FFmpegProcess(python(code), timeout=20) as process:
        assert read_all(process) == b""
        assert process.finish().returncode == -9


def test_leaving_early_closes_everything() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with FFmpegProcess(python("while True: print('frame')"), timeout=20) as process:
        process.read_into(memoryview(bytearray(10)))
    process.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_run_to_end_feeds_stdin_and_times_out() -> None:
    code = "import sys; sys.stderr.write(str(len(sys.stdin.buffer.read()))); sys.exit(3)"
    ended = run_to_end(python(code), timeout=20, stdin=bytes(200_000))
    assert (ended.returncode, ended.log) == (3, "200000")
    with pytest.raises(FFmpegTimeout):
        run_to_end(python("import time; time.sleep(60)"), timeout=0.2)
