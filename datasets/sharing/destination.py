"""Where stores are sent: any place that fsspec can write to, or a Hugging Face data set."""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from fsspec.implementations.local import LocalFileSystem

from ..format.access import RemoteFiles, open_files, told_in_one_line
from ..format.files import (
    TEMPORARY,
    file_sha256,
    files_below,
    is_dead,
    remove,
    sync,
    temporary_path,
)

PIECE = 2**23
"""Bytes read back at a time."""


class Destination(Protocol):
    """A place that holds, or will hold, a copy of a store.

    Attributes:
        location: What people call it.
        shards_at_once: How many shards to send together.
    """

    location: str
    shards_at_once: int

    def sizes(self) -> dict[str, int]:
        """Bytes of every file there, by its name relative to the store."""

    def sha256(self, name: str) -> str:
        """sha256 of one file as it is there, in hex."""

    def send(self, store: Path, names: Sequence[str]) -> None:
        """Copy files of a store, under the same names."""


class FolderDestination:
    """A folder of this machine, or one mounted on it."""

    shards_at_once = 1

    def __init__(self, folder: Path) -> None:
        self.location = str(folder)
        self.folder = folder

    def sizes(self) -> dict[str, int]:
        """Bytes of every file there, by its name relative to the store."""
        sizes = {}
        for name, path in files_below(self.folder).items():
            if not path.name.startswith(TEMPORARY):
                sizes[name] = path.stat().st_size
            elif is_dead(path):
                remove(path)
        return sizes

    def sha256(self, name: str) -> str:
        """sha256 of one file, read back."""
        return file_sha256(self.folder / name)

    def send(self, store: Path, names: Sequence[str]) -> None:
        """Copy files of a store, under the same names; each is there whole or not at all."""
        for name in names:
            final = self.folder / name
            final.parent.mkdir(parents=True, exist_ok=True)
            temporary = temporary_path(final)
            try:
                shutil.copyfile(store / name, temporary)
                sync(temporary)
                temporary.replace(final)
            finally:
                temporary.unlink(missing_ok=True)
            sync(final.parent)


class FileSystemDestination:
    """A place behind a URL, or a folder.

    Attributes:
        system: Its fsspec file system.
        root: The store's path there.
    """

    shards_at_once = 4

    def __init__(self, location: str, system: Any, root: str) -> None:
        self.location = location
        self.system = system
        self.root = root.rstrip("/")

    def sizes(self) -> dict[str, int]:
        """Bytes of every file there, by its name relative to the store."""
        with told_in_one_line(self.location):
            self.system.invalidate_cache()
            try:
                found = self.system.find(self.root, detail=True)
            except FileNotFoundError:
                return {}
        prefix = f"{self.system._strip_protocol(self.root)}/"
        return {path.removeprefix(prefix): info["size"] for path, info in found.items()}

    def sha256(self, name: str) -> str:
        """sha256 of one file, read back."""
        digest = hashlib.sha256()
        with (
            told_in_one_line(self.location),
            self.system.open(f"{self.root}/{name}", "rb", block_size=PIECE) as file,
        ):
            while piece := file.read(PIECE):
                digest.update(piece)
        return digest.hexdigest()

    def send(self, store: Path, names: Sequence[str]) -> None:
        """Copy files of a store, under the same names."""
        with told_in_one_line(self.location):
            here = [str(store / name) for name in names]
            there = [f"{self.root}/{name}" for name in names]
            self.system.put(here, there, batch_size=self.shards_at_once)


def open_destination(url: str) -> Destination:
    """Open a place to send a store to.

    Args:
        url: A folder, a URL that fsspec knows such as `s3://bucket/tokens`, or
            `hf://datasets/OWNER/NAME` for a Hugging Face data set.

    Raises:
        StoreError: a URL of an unknown scheme, or whose package is not installed.
    """
    files = open_files(url)
    if not isinstance(files, RemoteFiles):
        return FolderDestination(Path(url))
    if isinstance(files.system, LocalFileSystem):
        return FolderDestination(Path(files.root))
    if url.startswith("hf://"):
        from .hub import HubDestination

        return HubDestination(url, files.system, files.root)
    return FileSystemDestination(url, files.system, files.root)
