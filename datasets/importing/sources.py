"""Codes extracted by other programs: an LMDB of npz, or a folder of npy. Nothing is unpickled."""

import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError
from ..format.npy import read_npy
from ..format.plan import is_text

LARGEST_ARRAY = 2**30
"""Bytes of one video's codes, unpacked: more is refused before anything is unpacked."""


class CodeSource(Protocol):
    """Codes of videos by key.

    Attributes:
        path: Where they lie.
    """

    path: Path

    def keys(self) -> Iterator[str]:
        """Key of every video, in no order to rely on; raises StoreError where one is no text."""

    def codes(self, key: str) -> NDArray[np.integer]:
        """Codes of one video as they were stored; raises StoreError when they cannot be read."""

    def label(self, key: str) -> int | None:
        """Label of one video, or None; raises StoreError when it cannot be read."""


class NpyFolder:
    """A folder of `.npy` files, one a video; the key is the path below it without `.npy`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def keys(self) -> Iterator[str]:
        """Key of every file."""
        for file in self.path.rglob("*.npy"):
            key = file.relative_to(self.path).as_posix().removesuffix(".npy")
            if not is_text(key):
                raise StoreError(f"{self.path} has a file whose name is no text: {key!r}")
            yield key

    def codes(self, key: str) -> NDArray[np.integer]:
        """Codes of one file."""
        with (self.path / f"{key}.npy").open("rb") as file:
            return read_limited(file, os.fstat(file.fileno()).st_size)

    def label(self, key: str) -> int | None:
        """None: `.npy` files have no labels."""
        return None


class NpzDatabase:
    """An LMDB whose values are npz archives of `tokens` and perhaps `label`, as VIMPAC wrote them.

    Raises:
        StoreError: the extra `lmdb` is not installed, or the database cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        try:
            import lmdb
        except ImportError:
            raise StoreError(
                f"{path} is an LMDB: reading it needs `pip install 'vimpac[lmdb]'`"
            ) from None
        self.path = path
        try:
            self.database = lmdb.open(str(path), subdir=path.is_dir(), readonly=True, lock=False)
        except lmdb.Error as error:
            raise StoreError(f"{path} cannot be opened as an LMDB: {error}") from None

    def keys(self) -> Iterator[str]:
        """Key of every value."""
        with self.database.begin() as reading:
            for key in reading.cursor().iternext(values=False):
                try:
                    yield key.decode()
                except UnicodeDecodeError:
                    raise StoreError(f"{self.path} has a key that is no text: {key!r}") from None

    def codes(self, key: str) -> NDArray[np.integer]:
        """The array `tokens` of one value."""
        codes = self.member(key, "tokens")
        if codes is None:
            raise StoreError("its npz has no array `tokens`")
        return codes

    def label(self, key: str) -> int | None:
        """The number in the array `label` of one value, if there is one."""
        label = self.member(key, "label")
        if label is None:
            return None
        if label.size != 1:
            raise StoreError(f"{key}: its label should be one number, found {label.shape}")
        return int(label.item())

    def member(self, key: str, name: str) -> NDArray[np.integer] | None:
        """One array of a value's npz, or None when it has no such array."""
        with self.database.begin() as reading:
            content: bytes | None = reading.get(key.encode())
        if content is None:
            raise StoreError(f"{self.path} has no key {key!r}")
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return read_member(archive, f"{name}.npy")
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
            raise StoreError(f"it is no usable npz ({error})") from None


def read_member(archive: zipfile.ZipFile, name: str) -> NDArray[np.integer] | None:
    """One array of an npz, or None when it is not there."""
    if name not in archive.namelist():
        return None
    with archive.open(name) as file:
        return read_limited(file, archive.getinfo(name).file_size)


def read_limited(file: Any, size: int) -> NDArray[np.integer]:
    """Read `.npy` content of `size` bytes, or refuse it as too large."""
    if size > LARGEST_ARRAY:
        raise StoreError(f"its array of {size} bytes is larger than {LARGEST_ARRAY}")
    return read_npy(file, size)


def open_source(path: str | Path) -> CodeSource:
    """Open what lies at a path: an LMDB (a folder with `data.mdb`, or a file), or `.npy` files.

    Raises:
        StoreError: there is neither.
    """
    path = Path(path)
    if path.is_file() or (path / "data.mdb").is_file():
        return NpzDatabase(path)
    if next(path.rglob("*.npy"), None) is not None:
        return NpyFolder(path)
    raise StoreError(f"{path}: found neither an LMDB (data.mdb) nor .npy files to import")
