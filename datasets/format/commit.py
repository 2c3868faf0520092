"""The record that makes a token shard part of the store: what it holds and how to check it."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError
from .access import Place, open_files
from .digest import logical_hash
from .files import COMMITS_FOLDER, commit_name, write_atomic
from .identity import Grid, StoreIdentity
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
        files: Every file of the shard, by name relative to the store.
        codes_used: One bit a code of the vocabulary, whether it occurs; packed, base64.
        grids: `(h, w)` codes a frame of each video in the view `full`, where that is stored.
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
    grids: tuple[Grid, ...] = ()

    def __post_init__(self) -> None:
        """Refuse columns of unequal length, and videos without frames or a grid."""
        if not len(self.keys) == len(self.frames) == len(self.digests):
            raise StoreError("keys, frames and sha256 of the videos should be of one length")
        if self.grids and len(self.grids) != len(self.keys):
            raise StoreError("keys and grids of the videos should be of one length")
        if min(self.frames, default=1) < 1 or min(map(min, self.grids), default=1) < 1:
            raise StoreError("a video needs at least one frame of at least one code")

    @property
    def bytes(self) -> int:
        """Size of the shard's files."""
        return sum(file.bytes for file in self.files.values())

    @property
    def logical_hash(self) -> str:
        """Hash of the shard's keys and codes (see `digest.logical_hash`)."""
        return logical_hash(zip(self.keys, self.digests, strict=True))

    def tokens(self, identity: StoreIdentity) -> int:
        """Codes the shard holds, over all views."""
        grids = self.grids or (None,) * len(self.frames)
        return sum(
            frames * identity.tokens_a_frame(grid)
            for frames, grid in zip(self.frames, grids, strict=True)
        )

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
                "sha256": base64.b64encode(bytes.fromhex("".join(self.digests))).decode(),
            }
            | ({"grid": [list(grid) for grid in self.grids]} if self.grids else {}),
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
            digests=parse_digests(videos),
            failures=tuple(map(parse_failure, parse_list(document, "failures", dict))),
            files={name: parse_file(parse_field(files, name, dict)) for name in files},
            codes_used=parse_field(document, "codes_used", str),
            grids=parse_grids(videos),
        )


def parse_digests(videos: Mapping[str, object]) -> tuple[str, ...]:
    """Read the digests of a shard's videos, 32 bytes each, one after another in base64."""
    try:
        packed = base64.b64decode(parse_field(videos, "sha256", str), validate=True)
    except ValueError as error:
        raise StoreError(f"field 'sha256' should be base64: {error}") from None
    return tuple(packed[at : at + 32].hex() for at in range(0, len(packed), 32))


def parse_grids(videos: Mapping[str, object]) -> tuple[Grid, ...]:
    """Read the grids of a shard's videos; none where they are not listed."""
    if "grid" not in videos:
        return ()
    grids = parse_list(videos, "grid", list)
    if not all(len(grid) == 2 and all(type(side) is int for side in grid) for grid in grids):
        raise StoreError("field 'grid' should list [rows, columns]")
    return tuple((rows, columns) for rows, columns in grids)


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


def read_commit(store: Place, shard: int) -> CommitRecord:
    """Read the commit record of a token shard.

    Raises:
        StoreError: it is missing or damaged.
    """
    name = commit_name(shard)
    try:
        record = CommitRecord.from_dict(read_document(store, name))
    except StoreError as error:
        raise StoreError(f"commit record of shard {shard:06d} is not usable: {error}") from None
    if record.shard != shard:
        raise StoreError(f"{name} is the record of shard {record.shard:06d}")
    return record


def write_commit(store: Path, record: CommitRecord) -> None:
    """Write a commit record, whole or not at all."""
    text = json.dumps(record.to_dict(), ensure_ascii=False, separators=(",", ":"))
    path = store / commit_name(record.shard)
    path.parent.mkdir(exist_ok=True)
    write_atomic(path, text.encode() + b"\n")


def commit_sizes(store: Place) -> dict[int, int]:
    """Bytes of each commit record by the number of its shard, ascending."""
    sizes = open_files(store).sizes(COMMITS_FOLDER)
    found = {name.removesuffix(".json"): size for name, size in sizes.items()}
    return {int(stem): found[stem] for stem in sorted(found) if re.fullmatch(r"\d{6,}", stem)}


def committed_shards(store: Place) -> list[int]:
    """Numbers of the shards that have a commit record, ascending."""
    return list(commit_sizes(store))
