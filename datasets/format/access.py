"""Reading the files of a store, on this machine or behind a URL, a bounded part at a time."""

import mmap
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import fsspec

from ..errors import StoreError

LARGEST_DOCUMENT = 2**30
"""Bytes of the largest document that is read whole; what is larger is not ours."""


@contextmanager
def told_in_one_line(what: str) -> Iterator[None]:
    """Turn whatever a remote file system raises into a StoreError that begins with `what`."""
    try:
        yield
    except StoreError:
        raise
    except Exception as error:  # file systems' errors have no common base
        causes = filter(None, (error, error.__cause__))
        words = ": ".join(" ".join(str(e).split()) or type(e).__name__ for e in causes)
        raise StoreError(f"{what}: {words}") from None


class OpenFile(Protocol):
    """A file to read at given positions; `size` is its length in bytes."""

    size: int

    def read(self, start: int, length: int) -> bytes:
        """Exactly `length` bytes from `start`; raises StoreError when the file is shorter."""

    def content(self) -> memoryview:
        """All of it, brought to memory when touched where the system can."""


class StoreFiles(Protocol):
    """The files of a store, by names relative to it such as `commits/000123.json`.

    Attributes:
        location: What people call the place: a path or a URL.
    """

    location: str

    def open(self, name: str) -> OpenFile:
        """Open a file; raises StoreError when it is missing."""

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of each file directly in a folder, by name; empty where there is no folder."""


Place = Path | StoreFiles


class LocalFile:
    """A file of this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = -1
        self.descriptor = os.open(path, os.O_RDONLY)
        self.size = os.fstat(self.descriptor).st_size

    def read(self, start: int, length: int) -> bytes:
        """Exactly `length` bytes from `start`; raises StoreError when the file is shorter."""
        check_range(str(self.path), self.size, start, length)
        try:
            content = os.pread(self.descriptor, length, start)
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read: {error.strerror}") from None
        if len(content) != length:
            raise StoreError(f"{self.path} ends before byte {start + length}")
        return content

    def content(self) -> memoryview:
        """All of it, mapped."""
        return memoryview(mmap.mmap(self.descriptor, 0, prot=mmap.PROT_READ) if self.size else b"")

    def __del__(self) -> None:
        """Close the file."""
        if self.descriptor >= 0:
            os.close(self.descriptor)


class RemoteFile:
    """A file behind a URL, read by ranges."""

    def __init__(self, system: Any, path: str) -> None:
        self.system = system
        self.path = path
        self.size = size_of(system, path)

    def read(self, start: int, length: int) -> bytes:
        """Exactly `length` bytes from `start`; raises StoreError when the file is shorter."""
        check_range(self.path, self.size, start, length)
        with told_in_one_line(f"{self.path} cannot be read"):
            content = bytes(self.system.cat_file(self.path, start=start, end=start + length))
        if len(content) == self.size:  # of all, where a web server knows no ranges
            content = content[start : start + length]
        if len(content) != length:
            raise StoreError(f"{self.path} ends before byte {start + length}")
        return content

    def content(self) -> memoryview:
        """All of it, read."""
        return memoryview(self.read(0, self.size))


class LocalFiles:
    """A store in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.location = str(folder)

    def open(self, name: str) -> LocalFile:
        """Open a file; raises StoreError when it is missing."""
        try:
            return LocalFile(self.folder / name)
        except (FileNotFoundError, NotADirectoryError):
            raise StoreError(f"{self.folder / name} is missing") from None
        except OSError as error:
            raise StoreError(f"{self.folder / name} cannot be read: {error.strerror}") from None

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of each file directly in a folder, by name; empty where there is no folder."""
        try:
            with os.scandir(self.folder / folder) as entries:
                return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}
        except (FileNotFoundError, NotADirectoryError):
            return {}


class RemoteFiles:
    """A store behind a URL that fsspec knows.

    Args:
        url: Such as `s3://bucket/tokens` or `https://host/tokens`.

    Raises:
        StoreError: a scheme that names no place, or whose package is not installed.
    """

    def __init__(self, url: str) -> None:
        self.location = url
        try:
            self.system, self.root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise StoreError(f"{url} cannot be opened: {error}") from None

    def open(self, name: str) -> RemoteFile:
        """Open a file; raises StoreError when it is missing."""
        with told_in_one_line(f"{self.location}/{name} cannot be read"):
            try:
                return RemoteFile(self.system, f"{self.root.rstrip('/')}/{name}")
            except FileNotFoundError:
                raise StoreError(f"{self.location}/{name} is missing") from None

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of each file directly in a folder, by name; empty where there is no folder."""
        with told_in_one_line(f"{self.location}/{folder} cannot be read"):
            try:
                found = self.system.ls(f"{self.root.rstrip('/')}/{folder}", detail=True)
            except FileNotFoundError:
                return {}
            sizes = {entry["name"]: entry["size"] for entry in found if entry["type"] == "file"}
            for name, size in sizes.items():
                if size is None:  # web servers list names alone
                    sizes[name] = size_of(self.system, name)
        return {name.rstrip("/").rsplit("/", 1)[-1]: size for name, size in sizes.items()}


def open_files(place: str | Place) -> StoreFiles:
    """The files at a path or a URL; a local path stays as it is given.

    Raises:
        StoreError: a URL of a scheme that names no place to read files from.
    """
    if isinstance(place, Path):
        return LocalFiles(place)
    if not isinstance(place, str):
        return place
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):", place)
    if scheme is None:
        return LocalFiles(Path(place))
    if "://" not in place or scheme[1] not in fsspec.available_protocols():
        raise StoreError(f"{place} names no place to read files from: give a folder or a URL")
    return RemoteFiles(place)


def read_whole(place: Place, name: str, largest: int = LARGEST_DOCUMENT) -> bytes:
    """The content of a file; raises StoreError when it is missing or larger than it may be."""
    file = open_files(place).open(name)
    if file.size > largest:
        raise StoreError(f"{name} of {file.size} bytes is larger than the {largest} it may have")
    return file.read(0, file.size)


def size_of(system: Any, path: str) -> int:
    """Bytes of a remote file; raises StoreError when its file system cannot tell."""
    size = system.size(path)
    if size is None:
        raise StoreError(f"{path} cannot be read: its server does not tell its size")
    return int(size)


def check_range(name: str, size: int, start: int, length: int) -> None:
    """Raise StoreError unless a range lies within a file."""
    if start < 0 or length < 0 or start + length > size:
        raise StoreError(f"{name} has {size} bytes, none at {start} to {start + length}")
