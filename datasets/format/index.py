"""What readers need at start without touching shards: one small file built from the commits.

`index.safetensors` holds vectors and, as metadata, what the commit records looked like when it was
built; it is built anew when that has changed. It is mapped, not read, so that opening a store of a
million videos costs little.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from ..errors import StoreError
from .access import Place, open_files
from .commit import CommitRecord, commit_sizes, read_commit
from .digest import logical_hash
from .files import INDEX_FILE, write_atomic
from .keys import Keys

VECTORS = {
    "shards": "I64",
    "shard_sizes": "I64",
    "frames": "U32",
    "grids": "U32",
    "key_bytes": "U8",
    "key_ends": "U32 U64",
    "key_order": "U32",
}
"""Every vector of the file with the types it may have, as safetensors names them."""

DTYPES = {"I64": "<i8", "U32": "<u4", "U64": "<u8", "U8": "u1"}


@dataclass(frozen=True, kw_only=True, eq=False)
class StoreIndex:
    """The committed videos of a store, in the order of their shards.

    Attributes:
        signature: What the commit records looked like (see `commits_signature`).
        logical_hash: Hash of all keys and codes (see `digest.logical_hash`).
        shards: Numbers of the committed shards, `(shards,)` int64, ascending.
        shard_sizes: Videos in each, `(shards,)` int64.
        frames: Stored frames of each video, `(videos,)` int64.
        grids: `(h, w)` of each video in the view `full`, `(videos, 2)` int64; `(0, 2)` without.
        keys: Key of each video.
    """

    signature: str
    logical_hash: str
    shards: NDArray[np.int64]
    shard_sizes: NDArray[np.int64]
    frames: NDArray[np.int64]
    grids: NDArray[np.int64]
    keys: Keys

    def __post_init__(self) -> None:
        """Refuse vectors that do not belong together."""
        videos = len(self.frames)
        lengths = (len(self.keys), len(self.keys.order), int(self.shard_sizes.sum()))
        if len(self.shards) != len(self.shard_sizes) or set(lengths) != {videos}:
            raise StoreError(f"{INDEX_FILE} does not agree with itself")
        if self.grids.ndim != 2 or self.grids.shape[1] != 2 or len(self.grids) not in (0, videos):
            raise StoreError(f"{INDEX_FILE} has grids of shape {self.grids.shape}")

    def vectors(self) -> dict[str, NDArray[Any]]:
        """The content of the file."""
        return {
            "shards": self.shards,
            "shard_sizes": self.shard_sizes,
            "frames": self.frames.astype(np.uint32),
            "grids": self.grids.astype(np.uint32),
            "key_bytes": self.keys.text,
            "key_ends": self.keys.ends,
            "key_order": self.keys.order,
        }


def commits_signature(store: Place) -> str:
    """sha256 over the names and sizes of the commit records: cheap, and new with every commit."""
    digest = hashlib.sha256()
    for shard, size in commit_sizes(store).items():
        digest.update(f"{shard:06d}.json {size}\n".encode())
    return digest.hexdigest()


def build_index(store: Place) -> StoreIndex:
    """Build the index from the commit records; raises StoreError when one is damaged."""
    signature = commits_signature(store)
    records = (read_commit(store, shard) for shard in commit_sizes(store))
    return index_of(records, signature)


def index_of(records: Iterable[CommitRecord], signature: str) -> StoreIndex:
    """The index of some commit records, in their order."""
    columns = [(r.shard, len(r.keys), r.frames, r.grids, r.keys, r.digests) for r in records]
    shards, sizes, frames, grids, keys, digests = (
        zip(*columns, strict=True) if columns else ((),) * 6
    )
    return StoreIndex(
        signature=signature,
        logical_hash=logical_hash(zip(chain(*keys), chain(*digests), strict=True)),
        shards=np.array(shards, dtype=np.int64),
        shard_sizes=np.array(sizes, dtype=np.int64),
        frames=np.array(list(chain(*frames)), dtype=np.int64),
        grids=np.array(list(chain(*grids)), dtype=np.int64).reshape(-1, 2),
        keys=Keys.of(list(chain(*keys))),
    )


def read_index(store: Place) -> StoreIndex | None:
    """Read the index file, or None when it is missing, damaged or stale."""
    try:
        content = open_files(store).open(INDEX_FILE).content()
        length = int.from_bytes(content[:8], "little")
        header = json.loads(bytes(content[8 : 8 + length]))
        signature, codes, check = header["__metadata__"]["commits"].split(" ")
        body = content[8 + length :]
        if signature != commits_signature(store) or check != f"{crc32(body):08x}":
            return None
        vectors = {name: vector_of(header[name], name, body) for name in VECTORS}
        return StoreIndex(
            signature=signature,
            logical_hash=codes,
            shards=vectors["shards"],
            shard_sizes=vectors["shard_sizes"],
            frames=vectors["frames"].astype(np.int64),
            grids=vectors["grids"].astype(np.int64),
            keys=Keys(vectors["key_bytes"], vectors["key_ends"], vectors["key_order"]),
        )
    except (StoreError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def vector_of(entry: Mapping[str, Any], name: str, body: memoryview) -> NDArray[Any]:
    """One vector of a safetensors file, mapped; raises ValueError when it is not as it should."""
    start, stop = entry["data_offsets"]
    if entry["dtype"] not in VECTORS[name].split() or not 0 <= start <= stop <= len(body):
        raise ValueError(f"{name} is not a vector of an index")
    vector: NDArray[Any] = np.frombuffer(body[start:stop], dtype=DTYPES[entry["dtype"]])
    return vector.reshape(entry["shape"])


def write_index(store: Path, index: StoreIndex) -> None:
    """Write the index file; raises OSError where that cannot be."""
    vectors = index.vectors()
    body = memoryview(save(vectors))  # its vectors lie in an order that safetensors chooses
    start = 8 + int.from_bytes(body[:8], "little")
    facts = (index.signature, index.logical_hash, f"{crc32(body[start:]):08x}")
    metadata = {"commits": " ".join(facts)}
    write_atomic(store / INDEX_FILE, save(vectors, metadata=metadata))


def load_index(store: Place) -> StoreIndex:
    """Read the index, building it anew when it is missing, damaged or stale."""
    index = read_index(store)
    if index is None:
        index = build_index(store)
        if isinstance(store, Path):
            with suppress(OSError):  # a store we may only read: the index then lives in memory
                write_index(store, index)
    return index
