"""What readers need at start without touching shards: one small file built from the commits.

`index.safetensors` holds vectors and, as metadata, what the commit records looked like when it was
built; it is rebuilt when that has changed.
"""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from .commit import committed_shards, read_commit
from .files import INDEX_FILE, commit_path, write_atomic

VECTORS = ("shards", "shard_sizes", "frames", "key_bytes", "key_ends")


class Keys(Sequence[str]):
    """Keys of all videos, kept as one block of UTF-8 and decoded when asked for."""

    def __init__(self, text: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
        self.text = text
        self.ends = ends

    def __len__(self) -> int:
        """Number of keys."""
        return len(self.ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        """One key, or a list of them."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        start = int(self.ends[place - 1]) if place else 0
        return self.text[start : int(self.ends[place])].tobytes().decode()


@dataclass(frozen=True, kw_only=True)
class StoreIndex:
    """The committed videos of a store, in the order of their shards.

    Attributes:
        signature: What the commit records looked like (see `commits_signature`).
        shards: Numbers of the committed shards, `(shards,)` int64, ascending.
        shard_sizes: Videos in each, `(shards,)` int64.
        frames: Stored frames of each video, `(videos,)` int64.
        key_bytes: All keys in UTF-8, one after another, uint8.
        key_ends: Where each key ends in `key_bytes`, `(videos,)` int64.
    """

    signature: str
    shards: NDArray[np.int64]
    shard_sizes: NDArray[np.int64]
    frames: NDArray[np.int64]
    key_bytes: NDArray[np.uint8]
    key_ends: NDArray[np.int64]

    @property
    def keys(self) -> Keys:
        """Key of each video."""
        return Keys(self.key_bytes, self.key_ends)


def commits_signature(store: Path) -> str:
    """sha256 over the names and sizes of the commit records: cheap, and new with every commit."""
    digest = hashlib.sha256()
    for shard in committed_shards(store):
        path = commit_path(store, shard)
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
    return digest.hexdigest()


def build_index(store: Path) -> StoreIndex:
    """Build the index from the commit records; raises StoreError when one is damaged."""
    signature = commits_signature(store)
    shards, sizes, frames = [], [], [np.zeros(0, np.int64)]
    keys: list[bytes] = []
    for shard in committed_shards(store):
        record = read_commit(store, shard)
        shards.append(shard)
        sizes.append(len(record.keys))
        frames.append(np.array(record.frames, dtype=np.int64))
        keys.extend(key.encode() for key in record.keys)
    return StoreIndex(
        signature=signature,
        shards=np.array(shards, dtype=np.int64),
        shard_sizes=np.array(sizes, dtype=np.int64),
        frames=np.concatenate(frames),
        key_bytes=np.frombuffer(b"".join(keys), dtype=np.uint8),
        key_ends=np.cumsum([len(key) for key in keys], dtype=np.int64),
    )


def read_index(store: Path) -> StoreIndex | None:
    """Read the index file, or None when it is missing, damaged or stale."""
    path = store / INDEX_FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            signature, _, check = (file.metadata() or {}).get("commits", "").partition(" ")
            if signature != commits_signature(store):
                return None
            vectors = {name: file.get_tensor(name) for name in VECTORS}
            if check != checksum(vectors):
                return None
    except (SafetensorError, OSError):
        return None
    return StoreIndex(signature=signature, **vectors)


def write_index(store: Path, index: StoreIndex) -> None:
    """Write the index file."""
    vectors = {name: np.ascontiguousarray(getattr(index, name)) for name in VECTORS}
    metadata = {"commits": f"{index.signature} {checksum(vectors)}"}
    write_atomic(store / INDEX_FILE, save(vectors, metadata=metadata))


def checksum(vectors: Mapping[str, NDArray[Any]]) -> str:
    """CRC-32 over the vectors' bytes, in hex."""
    check = 0
    for name in VECTORS:
        check = crc32(vectors[name].data, check)
    return f"{check:08x}"


def load_index(store: Path) -> StoreIndex:
    """Read the index, rebuilding it when it is missing, damaged or stale."""
    index = read_index(store)
    if index is None:
        index = build_index(store)
        with suppress(OSError):  # a store we may only read: the index then lives in memory
            write_index(store, index)
    return index
