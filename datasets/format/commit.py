"""The record that makes a token shard part of the store: what it holds and how to check it."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError
from .digest import logical_hash
from .files import COMMITS_FOLDER, commit_path, write_atomic
from .parse import (
    FORMAT_VERSION,
    parse_field,
    parse_list,
    parse_version,
    read_document,
    seal,
    unseal,
)


@dataclass(frozen=True, kw_only=True)
class VideoFailure:
    """A video that gave no codes.

    Attributes:
        key: Its name in the plan.
        reason: A short code to count by.
        detail: The decoder's own words.
    """

    key: str
    reason: str
    detail: str = ""

    def __post_init__(self) -> None:
        """Keep the decoder's words storable: what is not text becomes `?`."""
        object.__setattr__(self, "detail", self.detail.encode("utf-8", "replace").decode())


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """Size in bytes and sha256 (hex) of one file of a shard."""

    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class CommitRecord:
    """What `commits/000123.json` says of one token shard.

    Attributes:
        shard: Its number in the plan.
        plan: Hash of the plan.
        identity: Hash of the store's identity.
        keys: Videos that gave codes, in stored order.
        frames: Stored frames of each.
        digests: Digest of each (see `digest.video_digest`).
        failures: Videos that did not.
        files: Every file of the shard, by name relative to its folder.
        codes_used: One bit a code of the vocabulary, whether it occurs; packed, base64.
    """

    shard: int
    plan: str
    identity: str
    keys: tuple[str, ...]
    frames: tuple[int, ...]
    digests: tuple[str, ...]
    failures: tuple[VideoFailure, ...]
    files: Mapping[str, FileRecord]
    codes_used: str

    def __post_init__(self) -> None:
        """Refuse columns of unequal length."""
        if not len(self.keys) == len(self.frames) == len(self.digests):
            raise StoreError("keys, frames and sha256 of the videos should be of one length")

    @property
    def bytes(self) -> int:
        """Size of the shard's files."""
        return sum(file.bytes for file in self.files.values())

    @property
    def logical_hash(self) -> str:
        """Hash of the shard's keys and codes (see `digest.logical_hash`)."""
        return logical_hash(zip(self.keys, self.digests, strict=True))

    def used(self) -> NDArray[np.bool_]:
        """Whether each code occurs; `(vocabulary,)`, padded to whole bytes."""
        packed = np.frombuffer(base64.b64decode(self.codes_used), dtype=np.uint8)
        return np.unpackbits(packed, bitorder="little").astype(np.bool_)

    def to_dict(self) -> dict[str, object]:
        """The JSON form, its own hash last."""
        document: dict[str, object] = {
            "format_version": FORMAT_VERSION,
            "shard": self.shard,
            "plan": self.plan,
            "identity": self.identity,
            "bytes": self.bytes,
            "logical_hash": self.logical_hash,
            "videos": {
                "key": list(self.keys),
                "frames": list(self.frames),
                "sha256": list(self.digests),
            },
            "failures": [vars(failure) for failure in self.failures],
            "files": {name: vars(file) for name, file in self.files.items()},
            "codes_used": self.codes_used,
        }
        return seal(document)

    @classmethod
    def from_dict(cls, document: Mapping[str, object]) -> "CommitRecord":
        """Read the JSON form; raises StoreError when it is damaged."""
        parse_version(document)
        document = unseal(document)
        videos = parse_field(document, "videos", dict)
        files = parse_field(document, "files", dict)
        return cls(
            shard=parse_field(document, "shard", int),
            plan=parse_field(document, "plan", str),
            identity=parse_field(document, "identity", str),
            keys=parse_list(videos, "key", str),
            frames=parse_list(videos, "frames", int),
            digests=parse_list(videos, "sha256", str),
            failures=tuple(map(parse_failure, parse_list(document, "failures", dict))),
            files={name: parse_file(parse_field(files, name, dict)) for name in files},
            codes_used=parse_field(document, "codes_used", str),
        )


def parse_failure(document: Mapping[str, object]) -> VideoFailure:
    """Read one failure."""
    return VideoFailure(
        key=parse_field(document, "key", str),
        reason=parse_field(document, "reason", str),
        detail=parse_field(document, "detail", str),
    )


def parse_file(document: Mapping[str, object]) -> FileRecord:
    """Read one file's size and hash."""
    return FileRecord(
        bytes=parse_field(document, "bytes", int), sha256=parse_field(document, "sha256", str)
    )


def pack_used(used: NDArray[np.bool_]) -> str:
    """One bit a code, little-endian within a byte, in base64."""
    return base64.b64encode(np.packbits(used, bitorder="little").tobytes()).decode()


def read_commit(store: Path, shard: int) -> CommitRecord:
    """Read the commit record of a token shard.

    Raises:
        StoreError: it is missing or damaged.
    """
    path = commit_path(store, shard)
    try:
        record = CommitRecord.from_dict(read_document(path))
    except StoreError as error:
        raise StoreError(f"commit record of shard {shard:06d} is not usable: {error}") from None
    if record.shard != shard:
        raise StoreError(f"{path} is the record of shard {record.shard:06d}")
    return record


def write_commit(store: Path, record: CommitRecord) -> None:
    """Write a commit record, whole or not at all."""
    text = json.dumps(record.to_dict(), ensure_ascii=False, separators=(",", ":"))
    path = commit_path(store, record.shard)
    path.parent.mkdir(exist_ok=True)
    write_atomic(path, text.encode() + b"\n")


def committed_shards(store: Path) -> list[int]:
    """Numbers of the shards that have a commit record, ascending."""
    names = (store / COMMITS_FOLDER).glob("[0-9]*.json")
    return sorted(int(path.stem) for path in names if path.stem.isdigit())
