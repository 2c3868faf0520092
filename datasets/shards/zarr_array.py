"""Reading one array of a Zarr v3 store by position, bounded by what it must hold.

The metadata are checked against the shape and type the commit record promises, the index of the
sharding codec against the file, every zstd frame against the chunk it stands for, all before
memory is taken. What is absent is an error, never the fill value.
"""

import json
import threading
from collections.abc import Mapping
from typing import Any

import google_crc32c
import numpy as np
import zstandard
from numpy.typing import NDArray

from ..errors import StoreError
from ..format.access import OpenFile, StoreFiles, read_whole

Array = NDArray[Any]

METADATA_FILE = "zarr.json"
LARGEST_METADATA = 2**16
LARGEST_CHUNK = 2**26
ABSENT = 2**64 - 1


class _Decompressors(threading.local):
    """A decompressor a thread: making one costs as much as unpacking a chunk."""

    def __init__(self) -> None:
        self.unpack = zstandard.ZstdDecompressor().decompress


_decompressors = _Decompressors()


class ZarrArray:
    """An array split along its first axis alone: into files, and these into chunks.

    Args:
        files: The files it is among.
        name: The array's folder, relative to them.
        shape: The shape it must have.
        dtype: The type it must have.

    Raises:
        StoreError: it is missing, or is anything else.
    """

    def __init__(
        self, files: StoreFiles, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> None:
        self.files = files
        self.name = name
        self.shape = shape
        self.dtype = dtype.newbyteorder("<")
        try:
            self.chunk, self.file_chunks = chunking(read_metadata(files, name), shape, dtype)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as why:
            reason = str(why) if isinstance(why, StoreError) else "its metadata are damaged"
            raise StoreError(f"{name}: {reason}") from None
        self.chunk_shape = (self.chunk, *shape[1:])
        self.chunk_bytes = int(np.prod(self.chunk_shape, dtype=np.int64)) * dtype.itemsize
        if self.chunk_bytes > LARGEST_CHUNK:
            raise StoreError(f"{name}: chunks of {self.chunk} rows are larger than a store's")
        self._open: dict[int, tuple[OpenFile, NDArray[np.uint64]]] = {}

    def read(self, start: int, stop: int) -> Array:
        """Rows `start` to `stop`; raises StoreError when any is missing or damaged."""
        if not 0 <= start <= stop <= self.shape[0]:
            raise StoreError(f"{self.name} has {self.shape[0]} rows, none at {start} to {stop}")
        chunk, first, end = self.chunk, start // self.chunk, -(-stop // self.chunk)
        if end - first == 1:
            return self.unpacked(first, self.packed(first, end)[0])[
                start - first * chunk : stop - first * chunk
            ]
        out = np.empty((stop - start, *self.shape[1:]), dtype=self.dtype)
        while first < end:
            until = min(end, (first // self.file_chunks + 1) * self.file_chunks)
            for number, content in enumerate(self.packed(first, until), first):
                low = number * chunk
                rows = self.unpacked(number, content)[max(start - low, 0) : stop - low]
                out[max(low - start, 0) : low - start + chunk] = rows
            first = until
        return out

    def packed(self, first: int, until: int) -> list[bytes | memoryview]:
        """The packed chunks `first` to `until`, all of one file."""
        number, inside = divmod(first, self.file_chunks)
        if number not in self._open:
            self._open[number] = self.open(number)
        file, places = self._open[number]
        if until - first == 1:
            begin, length = places[inside].tolist()
            if length == ABSENT:
                raise StoreError(f"{self.name}: chunks are missing")
            return [file.read(begin, length)]
        wanted: list[list[int]] = places[inside : inside + until - first].tolist()
        begin, end = wanted[0][0], wanted[-1][0] + wanted[-1][1]
        if any(length == ABSENT for _, length in wanted):
            raise StoreError(f"{self.name}: chunks are missing")
        if not 0 <= end - begin <= len(wanted) * self.most_packed:
            raise StoreError(f"{self.name}: its chunks do not follow one another")
        content = memoryview(file.read(begin, end - begin))
        return [content[at - begin : at - begin + length] for at, length in wanted]

    def unpacked(self, number: int, content: bytes | memoryview) -> Array:
        """A chunk of a zstd frame that has a checksum and declares just one chunk."""
        try:
            frame = zstandard.get_frame_parameters(content)
            if frame.content_size != self.chunk_bytes or not frame.has_checksum:
                raise StoreError(
                    f"{self.name}: chunk {number} declares {frame.content_size} bytes, not "
                    f"{self.chunk_bytes}, or has no checksum"
                )
            rows = np.frombuffer(_decompressors.unpack(content), dtype=self.dtype)
        except zstandard.ZstdError as error:
            raise StoreError(f"{self.name}: chunk {number} is damaged: {error}") from None
        return rows.reshape(self.chunk_shape)

    @property
    def most_packed(self) -> int:
        """Bytes that a packed chunk may take."""
        return self.chunk_bytes + self.chunk_bytes // 128 + 1024

    def open(self, number: int) -> tuple[OpenFile, NDArray[np.uint64]]:
        """One file of the array, and `(offset, bytes)` of its chunks, `(chunks, 2)`, checked."""
        file = self.files.open("/".join([self.name, ".".join(["c", str(number), *self.zeros])]))
        if not self.zeros:  # a vector is one chunk, a file without an index
            places = np.array([[0, file.size]], dtype=np.uint64)
        else:
            length = 16 * self.file_chunks
            content = file.read(file.size - length - 4, length + 4)
            if google_crc32c.value(content[:length]) != int.from_bytes(content[length:], "little"):
                raise StoreError(f"{self.name}: its index of chunks does not match its checksum")
            places = np.frombuffer(content[:length], dtype="<u8").reshape(-1, 2)
        there = places[places[:, 1] != ABSENT]
        if (there > [file.size, self.most_packed]).any():
            raise StoreError(f"{self.name}: its index of chunks is damaged")
        return file, places

    @property
    def zeros(self) -> list[str]:
        """What a file's name has for the axes that are not split."""
        return ["0"] * (len(self.shape) - 1)


def read_metadata(files: StoreFiles, name: str) -> dict[str, Any]:
    """An array's `zarr.json`; raises StoreError when it is none."""
    try:
        document = json.loads(read_whole(files, f"{name}/{METADATA_FILE}", LARGEST_METADATA))
    except StoreError:
        raise
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{name}: its metadata cannot be read: {error}") from None
    if not isinstance(document, dict):
        raise StoreError(f"{name}: its metadata are damaged")
    return document


def read_vector(files: StoreFiles, name: str, dtype: str, longest: int) -> Array:
    """A whole vector of one chunk; raises StoreError when it is longer, damaged or no vector."""
    match read_metadata(files, name).get("shape"):
        case [int(length)] if 0 <= length <= longest:
            return ZarrArray(files, name, (length,), np.dtype(dtype)).read(0, length)
    raise StoreError(f"{name} should be a vector of at most {longest}")


def chunking(
    document: Mapping[str, Any], shape: tuple[int, ...], dtype: np.dtype[Any]
) -> tuple[int, int]:
    """Rows a chunk and chunks a file of an array, from its `zarr.json`.

    Raises:
        StoreError: another shape or type than promised, or packed as no store packs.
        ValueError, KeyError, TypeError, AttributeError, IndexError: not Zarr's metadata at all.
    """
    found = document["data_type"], tuple(document["shape"])
    if found != (dtype.name, shape):
        raise StoreError(
            f"it holds {found[0]!s:.40} of shape {found[1]!s:.60}, expected {dtype.name} of {shape}"
        )
    rows, *rest = document["chunk_grid"]["configuration"]["chunk_shape"]
    chunk, packing = rows, document["codecs"]
    if packing[0]["name"] == "sharding_indexed":
        inner = packing[0]["configuration"]
        chunk, *inner_rest = inner["chunk_shape"]
        index = names(inner["index_codecs"]), inner.get("index_location", "end")
        if len(packing) != 1 or inner_rest != rest or index != (["bytes", "crc32c"], "end"):
            raise StoreError("its files are not indexed as a store's")
        packing = inner["codecs"]
    elif rest:
        raise StoreError("its chunks are not packed into larger files")
    little = packing[0].get("configuration", {}).get("endian", "little") == "little"
    if names(packing) != ["bytes", "zstd"] or not little or document["zarr_format"] != 3:
        raise StoreError("its chunks are not packed as little-endian bytes and zstd")
    if tuple(rest) != shape[1:] or not 0 < chunk <= rows or rows % chunk:
        raise StoreError("its chunks are not split along the first axis alone")
    return int(chunk), int(rows) // int(chunk)


def names(codecs: list[dict[str, Any]]) -> list[str]:
    """Names of a chain of codecs."""
    return [codec["name"] for codec in codecs]
