"""What every form of token shard offers, and what is known of its videos beside their codes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Protocol

from ..errors import StoreError
from ..format.access import StoreFiles
from ..format.files import SHARDS_FOLDER
from ..format.identity import Grid, parse_grid
from ..format.parse import parse_field
from .layout import CodeArray, Codes, ShardLayout

LARGEST_METADATA = 512
"""Bytes of a video's own metadata as ASCII JSON."""

LARGEST_VIDEO = 384 + LARGEST_METADATA
"""Bytes of what is said of one video, beside its key."""


@dataclass(frozen=True, kw_only=True)
class SourceInfo:
    """What was known of the file a video's codes were made from; None where it was not.

    Attributes:
        fps: Frames a second.
        frames: Frames decoded.
        width: Of a frame, in pixels.
        height: Of a frame, in pixels.
        time_base: Seconds a tick of the container's clock, as a fraction such as `1/12800`.
        metadata: What came with the video, as the `.json` beside it in a tar of raw video; at most
            `LARGEST_METADATA`.
    """

    fps: float | None = None
    frames: int | None = None
    width: int | None = None
    height: int | None = None
    time_base: str | None = None
    metadata: Mapping[str, str | float | bool] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; metadata is there only where there is any."""
        document = asdict(self)
        return document if self.metadata else {n: v for n, v in document.items() if n != "metadata"}


@dataclass(frozen=True, kw_only=True)
class StoredVideo:
    """One video of a shard, without its codes.

    Attributes:
        key: Its name in the store.
        frames: Stored frames.
        source: What the codes were made from.
        grid: `(h, w)` codes a frame in the view `full`, where that is stored.
    """

    key: str
    frames: int
    source: SourceInfo
    grid: Grid | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, as stored in the shard."""
        document = {"key": self.key, "frames": self.frames, "source": self.source.to_dict()}
        return document if self.grid is None else document | {"grid": list(self.grid)}

    @classmethod
    def from_dict(cls, document: Mapping[str, object]) -> "StoredVideo":
        """Read the JSON form; raises StoreError on a wrong field."""
        source = parse_field(document, "source", dict)
        known = {field.name: source.get(field.name) for field in fields(SourceInfo)}
        if known["metadata"] is not None:
            parse_field(source, "metadata", dict)
        return cls(
            key=parse_field(document, "key", str),
            frames=parse_field(document, "frames", int),
            source=SourceInfo(**known),
            grid=parse_grid(document) if "grid" in document else None,
        )


def parse_videos(text: bytes, where: str) -> list[StoredVideo]:
    """Read a JSON list of videos; raises StoreError, naming `where`, when it is damaged."""
    try:
        return [StoredVideo.from_dict(video) for video in json.loads(text)]
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise StoreError(f"{where} is damaged: {error}") from None


class ShardReader(Protocol):
    """An open token shard; every error is a StoreError that names it.

    Attributes:
        name: The shard's name relative to its store.
        layout: What it holds.
    """

    name: str
    layout: ShardLayout

    def read(self, array: CodeArray, start: int, stop: int) -> Codes:
        """Frames `start` to `stop` of an array, `(stop - start, h, w)`; never made up."""

    def videos(self) -> list[StoredVideo]:
        """What the shard itself says of its videos, in stored order."""


class ShardForm(Protocol):
    """One way to pack token shards.

    Attributes:
        suffix: End of a shard's name.
    """

    suffix: str

    def write(
        self,
        path: Path,
        layout: ShardLayout,
        videos: Sequence[StoredVideo],
        arrays: Mapping[str, Codes],
    ) -> None:
        """Write a shard at a path nobody else sees yet.

        Args:
            path: File or folder to make.
            layout: Where the codes lie.
            videos: What is stored, in order.
            arrays: The codes of each array of the layout, `(frames, h, w)`.
        """

    def open(self, files: StoreFiles, name: str, layout: ShardLayout) -> ShardReader:
        """Open a shard to read.

        Args:
            files: The store's files.
            name: The shard's name relative to the store.
            layout: What it must hold, from the index or the commit record.
        """


def shard_name(shard: int, suffix: str) -> str:
    """A token shard's file or folder, relative to its store."""
    return f"{SHARDS_FOLDER}/{shard:06d}{suffix}"
