"""Names inside a store, and writes that are whole or absent."""

import hashlib
import os
import shutil
import socket
import time
import uuid
from pathlib import Path

IDENTITY_FILE = "vimpac.json"
PLAN_FILE = "plan.json"
INDEX_FILE = "index.safetensors"
TOKENIZER_FOLDER = "tokenizer"
CHECKSUMS_FILE = "SHA256SUMS"
SHARDS_FOLDER = "shards"
COMMITS_FOLDER = "commits"
CARD_FILE = "README.md"
CARD_FIELDS_FILE = "card.json"
CROISSANT_FILE = "croissant.json"
CARD_FILES = (CARD_FILE, CARD_FIELDS_FILE, CROISSANT_FILE)

DOCUMENTS = (IDENTITY_FILE, PLAN_FILE, INDEX_FILE)
STORE_NAMES = frozenset((*DOCUMENTS, TOKENIZER_FOLDER, SHARDS_FOLDER, COMMITS_FOLDER, *CARD_FILES))
"""All that a store's folder may hold, beside unfinished writes."""

TEMPORARY = ".tmp+"
"""Begin of the names of unfinished writes."""

# A leftover of a machine we cannot ask is dead once nothing in it changed for this long.
DEAD_AFTER_SECONDS = 24 * 3600


def commit_name(shard: int) -> str:
    """Commit record of one token shard, relative to its store."""
    return f"{COMMITS_FOLDER}/{shard:06d}.json"


def temporary_path(final: Path) -> Path:
    """A unique name beside `final` that tells which process owns it."""
    owner = f"{socket.gethostname()}+{os.getpid()}+{uuid.uuid4().hex[:12]}"
    return final.with_name(f"{TEMPORARY}{final.name}+{owner}")


def remove_dead_leftovers(folder: Path, final_name: str | None = None) -> None:
    """Remove temporary files and folders whose owner is gone, of one final name or of all."""
    for path in folder.glob(f"{TEMPORARY}{final_name or '*'}+*"):
        if is_dead(path):
            remove(path)


def is_dead(path: Path) -> bool:
    """Whether the process that made a temporary path is gone (see `temporary_path`)."""
    *_, host, pid, _ = path.name.rsplit("+", 3)
    if host == socket.gethostname() and pid.isdigit() and not is_running(int(pid)):
        return True
    try:
        newest = max(part.lstat().st_mtime for part in (path, *path.rglob("*")))
    except FileNotFoundError:  # it changes as we look
        return False
    return time.time() - newest > DEAD_AFTER_SECONDS


def is_running(pid: int) -> bool:
    """Whether a process of this machine is alive."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Make a file, or a folder's list of names, last through a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make a file, or a folder and everything below it, last through a power cut."""
    for path in sorted(folder.rglob("*"), reverse=True):
        sync(path)
    sync(folder)


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file that others see whole or not at all."""
    temporary = temporary_path(path)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)


def move_into_place(source: Path, final: Path) -> None:
    """Put a finished file or folder in its place, instead of whatever uncommitted one was there."""
    if final.exists():
        old = temporary_path(final)
        os.replace(final, old)
        remove(old)
    os.replace(source, final)
    sync(final.parent)


def file_sha256(path: Path) -> str:
    """sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_below(folder: Path, part: str = "") -> dict[str, Path]:
    """Every file below a folder by its relative POSIX name, sorted.

    Args:
        folder: What names are relative to.
        part: Name of a file or folder in it to stay within.
    """
    found = (path for path in (folder / part, *(folder / part).rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in sorted(found)}
