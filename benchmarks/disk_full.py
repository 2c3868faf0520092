"""Tokenize onto a disk that fills up midway, make room, run the same command again.

    python benchmarks/disk_full.py        as root: it mounts a small tmpfs

Compares the store with one made on a roomy disk, byte by byte. Prints JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from kill_marathon import bytes_below, commits
from real_clips import make_clips

CLIPS, PAGE = 12, 4096


def tokenize(folder: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    words = [sys.executable, "-m", "vimpac.pipeline.cli", "tokenize", folder, "--out", out]
    words += ["--fps", 25, "--videos-per-shard", 2, "--processes", 2]
    return subprocess.run([str(word) for word in words], capture_output=True, text=True)


def pages(folder: Path) -> int:
    """Bytes that a folder's files take in whole pages."""
    return sum(-(-len(content) // PAGE) * PAGE for content in bytes_below(folder).values())


def mount(place: Path, size: int, *options: str) -> None:
    """Mount or resize a tmpfs of so many bytes."""
    option = ",".join((*options, f"size={size}"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", option, "tmpfs", str(place)], check=True)


def main() -> None:
    """Print what the full disk led to, and whether the bytes are equal in the end."""
    with tempfile.TemporaryDirectory() as name:
        folder, calm, place = Path(name, "videos"), Path(name, "calm"), Path(name, "disk")
        make_clips(folder, CLIPS, seconds=4.0)
        assert tokenize(folder, calm).returncode == 0
        held, shards = pages(calm), pages(calm / "shards")
        place.mkdir()
        mount(place, held - shards // 2)
        try:
            full = tokenize(folder, place / "tokens")
            seen = commits(place / "tokens")
            mount(place, 4 * held, "remount")
            after = tokenize(folder, place / "tokens")
            equal = bytes_below(place / "tokens") == bytes_below(calm)
        finally:
            subprocess.run(["umount", str(place)], check=True)
    report = {
        "exit_code_when_full": full.returncode,
        "said": full.stderr.strip().splitlines()[-1],
        "shards_committed_then": seen,
        "exit_code_with_room": after.returncode,
        "equal_bytes": equal,
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
