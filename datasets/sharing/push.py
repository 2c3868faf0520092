"""Sending a token store somewhere else: only what is missing moves, and what arrives is hashed."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..errors import StoreError
from ..format.access import open_files, read_whole
from ..format.commit import CommitRecord, committed_shards, read_commit
from ..format.files import (
    CARD_FILES,
    COMMITS_FOLDER,
    IDENTITY_FILE,
    INDEX_FILE,
    PLAN_FILE,
    STORE_NAMES,
    TOKENIZER_FOLDER,
    commit_name,
    file_sha256,
    files_below,
)
from ..format.identity import StoreIdentity, read_identity
from ..format.index import load_index
from ..format.plan import read_plan
from ..verify import record_problems, tokenizer_problems
from .destination import open_destination

READERS = 4
"""Files read back at a time."""


class Push:
    """A store to send, and where to.

    Shards are sent first, each one's commit record after its files; the identity is the very last,
    so that a copy cut off midway is no store yet. Called again, it goes on where it was cut off.

    Args:
        store: The store's folder.
        url: A folder, a URL that fsspec knows, or `hf://datasets/OWNER/NAME`.
        read_back: Read every file that was sent back and hash it; else sizes alone are compared.

    Attributes:
        shards: Numbers of the committed shards.

    Raises:
        StoreError: nothing is committed, the store's plan, tokenizer or a commit record is damaged
            or another store's, or the place holds other files or another store.
    """

    def __init__(self, store: str | Path, url: str, *, read_back: bool = True) -> None:
        self.store = Path(store)
        self.identity = read_identity(self.store)
        self.shards = committed_shards(self.store)
        if not self.shards:
            raise StoreError(f"{self.store} has no committed shards yet: there is nothing to push")
        check_documents(self.store, self.identity, self.shards)
        self.url = url
        self.read_back = read_back
        self.destination = open_destination(url)
        self.there = self.destination.sizes()
        self.files = self.bytes = 0
        check_destination(url, self.there, self.store, self.identity)

    def run(self, on_shard: Callable[[], object] = lambda: None) -> dict[str, Any]:
        """Send what is missing.

        Args:
            on_shard: Called for every shard that is there.

        Returns:
            `shards` of the store, `sent` of them and `skipped` (there before), `files` and `bytes`
            that moved.

        Raises:
            StoreError: the store is damaged, the place cannot be written, or what arrived differs.
        """
        self.send_changed([PLAN_FILE, *files_below(self.store, TOKENIZER_FOLDER)])
        sent, at_once = 0, self.destination.shards_at_once
        for start in range(0, len(self.shards), at_once):
            shards = self.shards[start : start + at_once]
            sent += self.send_shards([read_commit(self.store, shard) for shard in shards])
            for _ in shards:
                on_shard()
        load_index(self.store)  # so that it is there, and current
        extras = [name for name in (INDEX_FILE, *CARD_FILES) if (self.store / name).is_file()]
        self.send_changed(extras)
        self.check_sizes()
        if IDENTITY_FILE not in self.there:
            self.send_changed([IDENTITY_FILE])
        counts = {"shards": len(self.shards), "sent": sent, "skipped": len(self.shards) - sent}
        return counts | {"files": self.files, "bytes": self.bytes}

    def send_shards(self, records: Iterable[CommitRecord]) -> int:
        """Send what is missing of some shards, their records last; returns how many lacked any."""
        lacking = [record for record in records if not self.is_there(record)]
        expected = {n: f.sha256 for record in lacking for n, f in record.files.items()}
        self.send({name: sha256 for name, sha256 in expected.items() if not self.has(name, sha256)})
        self.send_changed([commit_name(record.shard) for record in lacking])
        return len(lacking)

    def is_there(self, record: CommitRecord) -> bool:
        """Whether a shard was committed there before: an equal record, files of the right size."""
        name = commit_name(record.shard)
        return all(self.there.get(n) == file.bytes for n, file in record.files.items()) and (
            self.has(name, file_sha256(self.store / name))
        )

    def has(self, name: str, sha256: str) -> bool:
        """Whether the destination has just this file."""
        size = (self.store / name).stat().st_size
        return self.there.get(name) == size and self.destination.sha256(name) == sha256

    def send_changed(self, names: Iterable[str]) -> None:
        """Send files that are not there as they are here."""
        expected = {name: file_sha256(self.store / name) for name in names}
        self.send({name: sha256 for name, sha256 in expected.items() if not self.has(name, sha256)})

    def send(self, expected: dict[str, str]) -> None:
        """Send files, given with their sha256, and check what arrived."""
        if not expected:
            return
        if not self.read_back:
            for name, sha256 in expected.items():
                self.check_local(name, sha256)
        self.destination.send(self.store, list(expected))
        for name in expected:
            self.there[name] = (self.store / name).stat().st_size
            self.files += 1
            self.bytes += self.there[name]
        if self.read_back:
            with ThreadPoolExecutor(READERS) as readers:
                arrived = readers.map(self.destination.sha256, expected)
            for (name, sha256), found in zip(expected.items(), arrived, strict=True):
                if found != sha256:
                    self.check_local(name, sha256)
                    raise StoreError(f"{name} arrived damaged at {self.url}: push again")

    def check_local(self, name: str, sha256: str) -> None:
        """Raise StoreError unless a file here is what it should be."""
        if file_sha256(self.store / name) != sha256:
            raise StoreError(f"{self.store / name} does not match its sha256: it is damaged")

    def check_sizes(self) -> None:
        """Raise StoreError unless all files are there in their sizes."""
        found = self.destination.sizes()
        for name, size in self.there.items():
            if found.get(name) != size:
                raise StoreError(f"{name} did not arrive whole at {self.url}: push again")


def check_documents(store: Path, identity: StoreIdentity, shards: Iterable[int]) -> None:
    """Raise StoreError unless a store's plan, tokenizer and commit records are of one another."""
    plan = read_plan(store)
    for problem in tokenizer_problems(store / TOKENIZER_FOLDER):
        raise StoreError(f"{store}: {problem}")
    for shard in shards:
        for problem in record_problems(read_commit(store, shard), identity, plan):
            raise StoreError(f"{store}: shard {shard:06d}: {problem}")


def check_destination(
    url: str, there: Mapping[str, int], store: Path, identity: StoreIdentity
) -> None:
    """Raise StoreError where other files, or another store's, lie already."""
    elsewhere = open_files(url)
    if IDENTITY_FILE in there:
        other = read_identity(elsewhere)
        differences = other.differences(identity)
        if other.form != identity.form:
            differences.append(f"form: {other.form} against {identity.form}")
        if differences:
            raise StoreError(
                f"{url} holds another store ({'; '.join(differences)}): choose another place"
            )
    elif others := {name.split("/")[0] for name in there} - STORE_NAMES - {".gitattributes"}:
        raise StoreError(f"{url} holds other files ({min(others)}): choose another place")
    begun = IDENTITY_FILE in there or any(name.startswith(COMMITS_FOLDER) for name in there)
    if begun and read_whole(elsewhere, PLAN_FILE) != (store / PLAN_FILE).read_bytes():
        raise StoreError(f"{url} holds a store of other videos: choose another place")
