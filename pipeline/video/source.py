"""Where one video is: a file of its own, or a member of a tar."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .copies import temporary_copy
from .log import VideoError

TAR = ".tar"
_COPY_BYTES = 1 << 20
_LARGEST_JSON = 1 << 20


@dataclass(frozen=True, kw_only=True)
class VideoSource:
    """Where one video is.

    Attributes:
        key: its name in the store: the path below the folder that was given, without the
            extension, `/` as separator; for a file that was given itself, its stem; in a tar, the
            sample's key (up to the first dot of the base name).
        path: the video file, or the tar it is in.
        extension: from the key on, with its dot: `.mp4`.
        offset: first byte in the tar; None for a file of its own.
        size: bytes of the video.
        metadata: first byte and length of the JSON beside it in the tar, where there is one.
    """

    key: str
    path: Path
    extension: str
    offset: int | None = None
    size: int
    metadata: tuple[int, int] | None = None

    def __str__(self) -> str:
        if self.offset is None:
            return str(self.path)
        return f"{self.path}, member {self.member}"

    @property
    def member(self) -> str:
        """Its key with its extension: its path below the input, or its name in the tar."""
        return self.key.removesuffix(self.extension) + self.extension

    @contextmanager
    def open(self) -> Iterator[Path]:
        """A local, seekable file with this video, there for the length of the `with` block.

        A tar's member is copied to a temporary file whose name owes nothing to the member's.

        Raises:
            VideoError: the tar ends before the member does, or cannot be read.
        """
        if self.offset is None:
            if self.extension.lower() == TAR:
                raise VideoError("unreadable", "not a whole, uncompressed tar")
            yield self.path
            return
        with temporary_copy() as copy:
            if self._copy_into(copy) < self.size:
                raise VideoError("truncated", "its tar is cut short")
            copy.flush()
            yield Path(copy.name)

    def _copy_into(self, copy: BinaryIO) -> int:
        """Copy the member's bytes; how many there were."""
        left = self.size
        try:
            tar = self.path.open("rb")
        except FileNotFoundError:
            raise VideoError("missing", "its tar is gone") from None
        except PermissionError:
            raise VideoError("no_permission", "its tar may not be read") from None
        with tar:
            tar.seek(self.offset or 0)
            while left and (chunk := tar.read(min(left, _COPY_BYTES))):
                copy.write(chunk)
                left -= len(chunk)
        return self.size - left

    def read_metadata(self, largest: int) -> dict[str, str | float | bool] | None:
        """What the JSON beside the video says in plain values: text, numbers, yes or no.

        Args:
            largest: most bytes it may take as ASCII JSON; values are taken in order until then.

        Returns:
            None where there is nothing, or no JSON object.
        """
        if self.metadata is None or self.metadata[1] > _LARGEST_JSON:
            return None
        try:
            with self.path.open("rb") as tar:
                tar.seek(self.metadata[0])
                document = json.loads(tar.read(self.metadata[1]))
        except (OSError, ValueError, RecursionError):
            return None
        kept: dict[str, str | float | bool] = {}
        for name, value in document.items() if isinstance(document, dict) else ():
            plain = isinstance(value, str | int) or (
                isinstance(value, float) and math.isfinite(value)
            )
            if plain and len(json.dumps(kept | {name: value})) <= largest:
                kept[name] = value
        return kept or None
