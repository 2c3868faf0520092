"""Reading one array of a Zarr v3 store by position, bounded by what it must hold.

The metadata are checked against the shape and type the commit record promises, the index of the
sharding codec against the file, every zstd frame against the chunk it stands for, all before
memory is taken. What is absent is an error, never the fill value.
"""

import json
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
        self.rest = shape[1:]
        self.row_bytes = int(np.prod(self.rest, dtype=np.int64)) * dtype.itemsize
        try:
            self.chunk, self.file_chunks = chunking(read_metadata(files, name), shape, dtype)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as why:
            reason = str(why) if isinstance(why, StoreError) else "its metadata are damaged"
            raise StoreError(f"{name}: {reason}") from None
        if self.chunk * self.row_bytes > LARGEST_CHUNK:
            raise StoreError(f"{name}: chunks of {self.chunk} rows are larger than a store's")
        self._open: dict[int, tuple[OpenFile, NDArray[np.uint64]]] = {}

    def read(self, start: int, stop: int) -> Array:
        """Rows `start` to `stop`; raises StoreError when any is missing or damaged."""
        out = np.empty((stop - start, *self.rest), dtype=self.dtype)
        unpack = zstandard.ZstdDecompressor().decompress
        first, last = start // self.chunk, -(-stop // self.chunk)
        while first < last:
            until = min(last, (first // self.file_chunks + 1) * self.file_chunks)
            for number, content in self.packed(first, until):
                self.check_frame(content)
                try:
                    rows = np.frombuffer(unpack(content), dtype=self.dtype)
                except zstandard.ZstdError as error:
                    raise StoreError(f"{self.name}: chunk {number} is damaged: {error}") from None
                low, high = number * self.chunk, (number + 1) * self.chunk
                piece = rows.reshape(self.chunk, *self.rest)[max(start - low, 0) : stop - low]
                out[max(low - start, 0) : high - start] = piece
            first = until
        return out

    def packed(self, first: int, until: int) -> list[tuple[int, memoryview]]:
        """The packed chunks `first` to `until`, all of one file, by number."""
        file, places = self.file(first // self.file_chunks)
        inside = first % self.file_chunks
        wanted = places[inside : inside + until - first]
        if (wanted == ABSENT).any():
            raise StoreError(f"{self.name}: chunks are missing")
        begin, end = int(wanted[:, 0].min()), int(wanted.sum(axis=1).max())
        most = len(wanted) * (self.chunk * self.row_bytes * 2 + 1024)
        if (wanted > file.size).any() or end > file.size or end - begin > most:
            raise StoreError(f"{self.name}: its index of chunks is damaged")
        content = memoryview(file.read(begin, end - begin))
        return [
            (first + i, content[offset - begin : offset - begin + length])
            for i, (offset, length) in enumerate(wanted.tolist())
        ]

    def file(self, number: int) -> tuple[OpenFile, NDArray[np.uint64]]:
        """One file of the array and `(offset, bytes)` of its chunks, `(chunks, 2)`."""
        if number not in self._open:
            name = ".".join(["c", str(number), *("0" for _ in self.rest)])
            file = self.files.open(f"{self.name}/{name}")
            self._open[number] = file, self.places(file)
        return self._open[number]

    def places(self, file: OpenFile) -> NDArray[np.uint64]:
        """Read and check the index at a file's end; a file that is one chunk has none."""
        if self.file_chunks == 1 and not self.rest:
            return np.array([[0, file.size]], dtype=np.uint64)
        length = 16 * self.file_chunks
        content = file.read(file.size - length - 4, length + 4)
        if google_crc32c.value(content[:length]) != int.from_bytes(content[length:], "little"):
            raise StoreError(f"{self.name}: its index of chunks does not match its checksum")
        return np.frombuffer(content[:length], dtype="<u8").reshape(-1, 2)

    def check_frame(self, content: memoryview) -> None:
        """Raise StoreError unless a zstd frame has a checksum and declares just one chunk."""
        try:
            frame = zstandard.get_frame_parameters(content)
        except zstandard.ZstdError as error:
            raise StoreError(f"{self.name}: a chunk is no zstd frame: {error}") from None
        expected = self.chunk * self.row_bytes
        if frame.content_size != expected or not frame.has_checksum:
            raise StoreError(
                f"{self.name}: a chunk declares {frame.content_size} bytes, not {expected}, "
                "or has no checksum"
            )


def read_metadata(files: StoreFiles, name: str) -> dict[str, Any]:
    """An array's `zarr.json`; raises StoreError when it is none."""
    try:
        document = json.loads(read_whole(files, f"{name}/{METADATA_FILE}", LARGEST_METADATA))
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
    first = document["codecs"][0]
    chunk, packing = rows, document["codecs"]
    if first["name"] == "sharding_indexed":
        inner = first["configuration"]
        chunk, *inner_rest = inner["chunk_shape"]
        packing = inner["codecs"]
        if inner_rest != rest or names(inner["index_codecs"]) != ["bytes", "crc32c"]:
            raise StoreError("its chunks are not split as a store's")
        if inner.get("index_location", "end") != "end" or len(document["codecs"]) != 1:
            raise StoreError("its index of chunks is not at the end of a file")
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
