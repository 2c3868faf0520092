"""Writing one token shard: codes are spooled to disk, packed at the end, and read back."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError
from ..format.commit import FileRecord, pack_used
from ..format.digest import video_digest
from ..format.files import (
    file_sha256,
    files_below,
    move_folder,
    remove,
    remove_dead_leftovers,
    shard_path,
    sync_tree,
    temporary_path,
)
from ..format.identity import read_identity
from .zarr_form import Codes, SourceInfo, StoredVideo, read_digests, write_group

AnyCodes = NDArray[np.integer]


@dataclass(frozen=True, kw_only=True)
class WrittenShard:
    """A finished token shard, in its place but not yet committed; small enough to send around.

    Attributes:
        shard: Its number in the plan.
        keys: Its videos, in stored order.
        frames: Stored frames of each.
        digests: Digest of each (see `digest.video_digest`).
        files: Every file, by name relative to the shard's folder.
        codes_used: Which codes occur (see `CommitRecord`).
    """

    shard: int
    keys: tuple[str, ...]
    frames: tuple[int, ...]
    digests: tuple[str, ...]
    files: Mapping[str, FileRecord]
    codes_used: str


class ShardWriter:
    """Writes one token shard; use as a context manager, so that a failure leaves nothing behind.

    Codes go to a temporary file as they come, so memory holds one video and, while packing, one
    file of an array.

    Args:
        store: The store's folder, made by `create_store`.
        shard: Number of the shard in the plan.
    """

    def __init__(self, store: str | Path, shard: int) -> None:
        self.store = Path(store)
        self.shard = shard
        self.identity = read_identity(self.store)
        self.final = shard_path(self.store, shard)
        self.final.parent.mkdir(exist_ok=True)
        remove_dead_leftovers(self.final.parent, self.final.name)
        self.folder = temporary_path(self.final)
        self.folder.mkdir()
        self.spools = {v: (self.folder / f"{v}.raw").open("wb") for v in self.identity.views}
        self.keys: list[str] = []
        self.frames: list[int] = []
        self.sources: list[SourceInfo] = []
        self.digests: list[str] = []
        self.used = np.zeros(self.identity.vocabulary, dtype=np.bool_)

    def __enter__(self) -> "ShardWriter":
        """Return the writer."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove whatever is temporary."""
        self.close()

    def close(self) -> None:
        """Remove whatever is temporary."""
        for spool in self.spools.values():
            spool.close()
        remove(self.folder)

    def add(self, key: str, codes: AnyCodes | Mapping[str, AnyCodes], source: SourceInfo) -> None:
        """Add one video.

        Args:
            key: Its name, unique in the store.
            codes: `(T, h, w)` of any integer type; by view when the store has several.
            source: What the codes were made from.

        Raises:
            StoreError: codes of a wrong shape or type, past the vocabulary, or no frames.
        """
        given = codes if isinstance(codes, Mapping) else {self.identity.views[0]: codes}
        if set(given) != set(self.identity.views):
            raise StoreError(f"{key}: views {list(given)}, the store has {self.identity.views}")
        checked = {view: self.checked(key, view, given[view]) for view in self.identity.views}
        lengths = {len(values) for values in checked.values()}
        if len(lengths) != 1:
            raise StoreError(f"{key}: all views need the same number of frames, found {lengths}")
        for view, values in checked.items():
            self.spools[view].write(values.data)
            self.used[np.unique(values)] = True
        self.keys.append(key)
        self.frames.append(lengths.pop())
        self.sources.append(source)
        self.digests.append(video_digest(key, checked))

    def checked(self, key: str, view: str, codes: AnyCodes) -> Codes:
        """Codes of one view in the stored type, or StoreError."""
        codes = np.asarray(codes)
        grid = self.identity.grid(view)
        if codes.ndim != 3 or codes.shape[1:] != grid or not np.issubdtype(codes.dtype, np.integer):
            raise StoreError(
                f"{key}: {codes.dtype} {codes.shape} is no integer (T, h, w) of {grid}"
            )
        if not len(codes):
            raise StoreError(f"{key}: no frames")
        if int(codes.min()) < 0 or int(codes.max()) >= self.identity.vocabulary:
            raise StoreError(f"{key}: codes should be in [0, {self.identity.vocabulary})")
        stored: Codes = np.ascontiguousarray(codes, dtype=self.identity.code_dtype)
        return stored

    def finish(self) -> WrittenShard:
        """Pack what was added, check that it reads back the same, and move it to its place.

        Raises:
            StoreError: what is on disk differs from what was added.
        """
        packed = self.folder / self.final.name
        videos = [
            StoredVideo(key=key, frames=frames, source=source)
            for key, frames, source in zip(self.keys, self.frames, self.sources, strict=True)
        ]
        write_group(packed, self.identity, videos, self.spooled())
        if read_digests(packed, self.identity, self.keys, self.frames) != self.digests:
            raise StoreError(f"{packed} does not read back as written: check the disk")
        sync_tree(packed)
        files = {
            name: FileRecord(bytes=path.stat().st_size, sha256=file_sha256(path))
            for name, path in files_below(packed).items()
        }
        move_folder(packed, self.final)
        self.close()
        return WrittenShard(
            shard=self.shard,
            keys=tuple(self.keys),
            frames=tuple(self.frames),
            digests=tuple(self.digests),
            files=files,
            codes_used=pack_used(self.used),
        )

    def spooled(self) -> dict[str, Codes]:
        """The spooled codes, `(frames, h, w)` for each view, mapped from disk."""
        frames = sum(self.frames)
        views: dict[str, Codes] = {}
        for view, spool in self.spools.items():
            spool.close()
            shape = (frames, *self.identity.grid(view))
            dtype = np.dtype(self.identity.code_dtype)
            empty = np.zeros(shape, dtype)
            views[view] = np.memmap(spool.name, dtype, "r", shape=shape) if frames else empty
        return views
