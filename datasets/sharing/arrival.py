"""Putting a copy of a token shard into a store: files are hashed as they arrive, then committed."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from ..build import file_problems
from ..errors import StoreError
from ..format.access import StoreFiles
from ..format.cache import copy_file
from ..format.commit import CommitRecord, FileRecord, read_commit, write_commit
from ..format.files import (
    file_sha256,
    move_into_place,
    remove,
    remove_dead_leftovers,
    sync_tree,
    temporary_path,
)
from ..format.identity import StoreIdentity
from ..shards import shard_of


@contextmanager
def sole_writer(store: Path) -> Iterator[None]:
    """Keep other merges and pulls out of a folder; the lock goes with the process.

    Raises:
        StoreError: one is at work there.
    """
    descriptor = os.open(store, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"{store} is being written by another command: wait for it") from None
        yield
    finally:
        os.close(descriptor)


def is_here(store: Path, identity: StoreIdentity, record: CommitRecord) -> bool:
    """Whether a folder has a shard with just this record, and files that match it."""
    try:
        same = read_commit(store, record.shard) == record
    except StoreError:
        return False
    return same and not file_problems(store, identity, record)


def renumbered(
    record: CommitRecord, identity: StoreIdentity, shard: int, plan: str
) -> CommitRecord:
    """The record of the same files as another shard of another plan."""
    old, new = shard_of(identity, record.shard), shard_of(identity, shard)
    files = {new + name.removeprefix(old): file for name, file in record.files.items()}
    return replace(record, shard=shard, plan=plan, files=files)


def receive_shard(
    source: StoreFiles,
    record: CommitRecord,
    store: Path,
    identity: StoreIdentity,
    final: CommitRecord,
    *,
    link: bool = False,
) -> None:
    """Copy a shard's files, byte for byte, and commit it; nothing wrong ever takes its place.

    Args:
        source: The files of the store it comes from.
        record: Its commit record there.
        store: The folder of the store it goes to.
        identity: What both are made of.
        final: Its commit record here: perhaps under another number, the same files.
        link: Hard-link files of this machine where the file system can.

    Raises:
        StoreError: a file is missing, damaged, or has a name no file of the shard may have.
    """
    place = store / shard_of(identity, final.shard)
    place.parent.mkdir(exist_ok=True)
    remove_dead_leftovers(place.parent, place.name)
    temporary = temporary_path(place)
    try:
        for name, expected in record.files.items():
            path = temporary / name_within(record, identity, name)
            receive_file(source, name, path, expected, link=link)
        sync_tree(temporary)
        move_into_place(temporary, place)
        write_commit(store, final)
    finally:
        remove(temporary)


def name_within(record: CommitRecord, identity: StoreIdentity, name: str) -> str:
    """A shard's file relative to the shard, `.` where the shard is one file.

    Raises:
        StoreError: the file would lie outside of the shard.
    """
    shard = shard_of(identity, record.shard)
    if name == shard:
        return "."
    within = name.removeprefix(f"{shard}/")
    parts = within.split("/")
    if within == name or not all(part.strip(".") for part in parts) or set(within) & set("\\:\0"):
        raise StoreError(f"shard {record.shard:06d} names a file outside of it: {name!r:.80}")
    return within


def receive_file(
    source: StoreFiles, name: str, path: Path, expected: FileRecord, *, link: bool = False
) -> None:
    """Copy or link one file; raises StoreError unless it is what its record says."""
    where = f"{source.location}/{name}"
    file = source.open(name)
    if file.size != expected.bytes:
        raise StoreError(f"{where} has {file.size} bytes, not {expected.bytes}: it is damaged")
    sha256 = ""
    if link:
        with suppress(OSError):  # another file system, or one without links: copied instead
            path.parent.mkdir(parents=True, exist_ok=True)
            os.link(Path(source.location) / name, path)
            sha256 = file_sha256(path)
    if (sha256 or copy_file(file, path)) != expected.sha256:
        raise StoreError(f"{where} does not match its sha256: it is damaged")
