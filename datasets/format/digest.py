"""Hashes of what a store says, free of how it is packed: container, shards, library versions."""

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray


def video_digest(key: str, views: Mapping[str, NDArray[np.unsignedinteger]]) -> str:
    """sha256 over one video's key and codes, in hex.

    Hashed in turn: the key in UTF-8 and a zero byte; then for each view, sorted by name: its name
    and a zero byte, the type of a code (`uint16`) and a zero byte, the shape `(T, h, w)` as three
    little-endian int64, and the codes in C order, little-endian.
    """
    digest = hashlib.sha256(key.encode() + b"\0")
    for view in sorted(views):
        codes = views[view]
        digest.update(f"{view}\0{codes.dtype.name}\0".encode())
        digest.update(np.asarray(codes.shape, dtype="<i8").tobytes())
        digest.update(np.ascontiguousarray(codes, dtype=codes.dtype.newbyteorder("<")).data)
    return digest.hexdigest()


def logical_hash(videos: Iterable[tuple[str, str]]) -> str:
    """sha256 over the digests of (key, digest) pairs in the order of their keys' UTF-8, in hex."""
    digest = hashlib.sha256()
    packed = ((key.encode(), bytes.fromhex(hexadecimal)) for key, hexadecimal in videos)
    for _, raw in sorted(packed):
        digest.update(raw)
    return digest.hexdigest()
