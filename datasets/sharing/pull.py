"""Fetching a token store from somewhere else: only what is missing moves, hashed as it arrives."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..build import check_same, prepare_folder, write_new
from ..errors import StoreError
from ..format.access import open_files, read_whole
from ..format.cache import copy_file
from ..format.commit import committed_shards, read_commit
from ..format.files import (
    CARD_FILES,
    CHECKSUMS_FILE,
    IDENTITY_FILE,
    PLAN_FILE,
    SHARDS_FOLDER,
    TOKENIZER_FOLDER,
    move_into_place,
    remove,
    remove_dead_leftovers,
    sync_tree,
    temporary_path,
    write_atomic,
)
from ..format.identity import read_identity
from ..format.index import load_index
from ..format.plan import read_plan
from ..verify import record_problems, tokenizer_problems
from .arrival import is_here, receive_shard, sole_writer

CONNECTIONS = 4
"""Shards fetched at a time."""


class Pull:
    """A store to fetch, and where to.

    The identity is written last, so that a copy cut off midway is no store yet. Called again, it
    goes on where it was cut off.

    Args:
        url: A folder, or a URL that fsspec knows, `hf://datasets/OWNER/NAME` among them.
        out: The folder of the copy.

    Attributes:
        shards: Numbers of the shards to fetch, those that are here already among them.

    Raises:
        StoreError: there is no whole store there, or `out` holds other files or another store.
    """

    def __init__(self, url: str, out: str | Path) -> None:
        self.source = open_files(url)
        self.store = Path(out)
        self.identity = read_identity(self.source)
        self.plan = read_plan(self.source)
        self.plan_bytes = self.plan.to_bytes()
        self.shards = committed_shards(self.source)
        if (self.store / IDENTITY_FILE).exists():
            check_same(self.store, self.identity, self.plan)
        else:
            prepare_folder(self.store)
            self.check_begun()

    def check_begun(self) -> None:
        """Raise StoreError where a copy of another store was begun."""
        plan = self.store / PLAN_FILE
        if plan.exists() and plan.read_bytes() != self.plan_bytes and committed_shards(self.store):
            raise StoreError(f"{self.store} holds parts of another store: choose another folder")
        travels = CHECKSUMS_FILE in self.source.sizes(TOKENIZER_FOLDER)
        if (self.store / TOKENIZER_FOLDER).exists() and not travels:
            raise StoreError(
                f"{self.store} holds a tokenizer, {self.source.location} none: "
                "choose another folder"
            )

    def run(self, on_shard: Callable[[], object] = lambda: None) -> dict[str, Any]:
        """Fetch what is missing.

        Args:
            on_shard: Called for every shard that is here.

        Returns:
            `shards` of the store, `fetched` of them and `skipped` (here before), and the `bytes`
            of the shards that moved.

        Raises:
            StoreError: something there is missing or damaged, or names files outside the store.
        """
        with sole_writer(self.store):
            remove_dead_leftovers(self.store)
            write_atomic(self.store / PLAN_FILE, self.plan_bytes)
            self.fetch_tokenizer()
            moved = self.fetch_shards(on_shard)
            for name in sorted(set(CARD_FILES) & set(self.source.sizes(""))):
                write_atomic(self.store / name, read_whole(self.source, name))
            write_new(self.store / IDENTITY_FILE, read_whole(self.source, IDENTITY_FILE))
            load_index(self.store)
        counts = {"shards": len(self.shards), "fetched": len(moved)}
        return counts | {"skipped": len(self.shards) - len(moved), "bytes": sum(moved)}

    def fetch_tokenizer(self) -> None:
        """Fetch the tokenizer's files, when they travel with the store, and check them."""
        final = self.store / TOKENIZER_FOLDER
        names = self.source.sizes(TOKENIZER_FOLDER)
        if CHECKSUMS_FILE not in names or self.has_tokenizer():
            return
        folder = temporary_path(final)
        try:
            for name in names:
                copy_file(self.source.open(f"{TOKENIZER_FOLDER}/{name}"), folder / name)
            for problem in tokenizer_problems(folder):
                raise StoreError(f"{self.source.location}: {problem}")
            sync_tree(folder)
            move_into_place(folder, final)
        finally:
            remove(folder)

    def has_tokenizer(self) -> bool:
        """Whether the tokenizer's files are here, whole and those of the source."""
        folder = self.store / TOKENIZER_FOLDER
        checksums = folder / CHECKSUMS_FILE
        if not checksums.is_file() or tokenizer_problems(folder):
            return False
        theirs = read_whole(self.source, f"{TOKENIZER_FOLDER}/{CHECKSUMS_FILE}")
        return checksums.read_bytes() == theirs

    def fetch_shards(self, on_shard: Callable[[], object]) -> list[int]:
        """Fetch what is missing of the shards, several at a time; returns the size of each."""
        (self.store / SHARDS_FOLDER).mkdir(exist_ok=True)
        sizes = []
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            fetching = [pool.submit(self.fetch_shard, shard) for shard in self.shards]
            try:
                for fetched in fetching:
                    size = fetched.result()
                    sizes += [] if size is None else [size]
                    on_shard()
            finally:
                pool.shutdown(cancel_futures=True)  # the first mistake ends it all
        return sizes

    def fetch_shard(self, shard: int) -> int | None:
        """Fetch one shard; returns its size in bytes, or None when it is here."""
        record = read_commit(self.source, shard)
        for problem in record_problems(record, self.identity, self.plan):
            raise StoreError(f"{self.source.location}: shard {shard:06d}: {problem}")
        if is_here(self.store, self.identity, record):
            return None
        receive_shard(self.source, record, self.store, self.identity, record)
        return record.bytes
