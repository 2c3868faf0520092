"""Read what `torch.save` wrote, in either of its two forms, without running anything in it.

A zip archive (torch 1.6 and later) holds `data.pkl` and a member for each storage. The legacy form
is a stream: magic number, protocol, system, the pickle, the storages' keys, the storages.
"""

from __future__ import annotations

import io
import math
import mmap
import pickle
import sys
import zipfile
from pathlib import Path
from typing import IO, Any, cast

import torch
from torch import Tensor

from ..interface import TokenizerError
from .restricted_pickle import RefusedPickle, RestrictedUnpickler

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001


def read_torch_file(path: Path) -> Any:
    """Read the object in a file that `torch.save` wrote: containers, tensors and stand-ins.

    Memory stays within a small multiple of the file's size, whatever it claims.

    Raises:
        TokenizerError: The file is truncated, not of torch, or asks for more than weights need.
    """
    try:
        return _read_zip(path) if zipfile.is_zipfile(path) else _read_legacy(path)
    except OSError:
        raise
    except RefusedPickle as error:
        raise TokenizerError(f"{path}: refused and not run: {error}") from error
    except Exception as error:  # a hostile file can make any operation fail
        reason = " ".join(f"{type(error).__name__} {error}".split())[:120]
        raise TokenizerError(f"{path}: not a whole file of torch weights ({reason})") from error


def _read_zip(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: info for info in archive.infolist()}
        root = next(name for name in members if name.endswith("/data.pkl")).removesuffix("data.pkl")
        if f"{root}code/" in members or any(name.startswith(f"{root}code/") for name in members):
            raise RefusedPickle("it is TorchScript, which is code; only cosmos:PATH reads that")
        limit = path.stat().st_size
        if any(info.compress_type != zipfile.ZIP_STORED for info in members.values()):
            raise RefusedPickle("its members are compressed, which torch never does")
        if sum(info.file_size for info in members.values()) > limit:
            raise RefusedPickle("its members are larger than the file")
        if f"{root}byteorder" in members and archive.read(f"{root}byteorder") != b"little":
            raise RefusedPickle("its numbers are big-endian")

        def read_storage(key: str, dtype: torch.dtype, count: int) -> Tensor:
            return _elements(archive.read(f"{root}data/{key}"), dtype, count)

        pickled = io.BytesIO(archive.read(f"{root}data.pkl"))
        return RestrictedUnpickler(pickled, read_storage, limit=limit).load()


def _read_legacy(path: Path) -> Any:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        stream = cast(IO[bytes], data)
        if _load(stream) != LEGACY_MAGIC or _load(stream) != LEGACY_PROTOCOL:
            raise pickle.UnpicklingError("unknown form")
        if _load(stream)["little_endian"] is not True:
            raise RefusedPickle("its numbers are big-endian")
        storages: dict[str, Tensor] = {}
        left = len(data)

        def make_storage(key: str, dtype: torch.dtype, count: int) -> Tensor:
            nonlocal left
            left -= count * dtype.itemsize
            if count < 0 or left < 0:
                raise EOFError("its storages are larger than the file")
            storages[key] = torch.empty(count, dtype=dtype)
            return storages[key]

        loaded = RestrictedUnpickler(stream, make_storage, limit=len(data)).load()
        for key in _load(stream):
            storage = storages.pop(key)
            if int.from_bytes(stream.read(8), "little") != len(storage):
                raise pickle.UnpicklingError(f"storage {key} is of another size")
            raw = stream.read(len(storage) * storage.element_size())
            storage.copy_(_elements(raw, storage.dtype, len(storage)))
        if storages:
            raise pickle.UnpicklingError(f"storage {min(storages)} is missing")
        return loaded


def _load(stream: IO[bytes]) -> Any:
    """The next pickle of plain values in a stream."""

    def no_storage(key: str, dtype: torch.dtype, count: int) -> Tensor:
        raise RefusedPickle("it holds tensors where none belong")

    return RestrictedUnpickler(stream, no_storage, limit=0).load()


def _elements(raw: bytes, dtype: torch.dtype, count: int) -> Tensor:
    """The `count` elements `(n,)` in `raw`, little-endian."""
    assert sys.byteorder == "little"
    if len(raw) != math.prod((count, dtype.itemsize)):
        raise EOFError(f"{len(raw)} bytes for {count} numbers")
    return torch.frombuffer(bytearray(raw), dtype=dtype) if count else torch.empty(0, dtype=dtype)
