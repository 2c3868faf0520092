"""Writing one token shard: codes are spooled to disk, packed at the end, and read back."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError
from ..format.access import LocalFiles
from ..format.commit import FileRecord, pack_used
from ..format.digest import video_digest
from ..format.files import (
    file_sha256,
    files_below,
    move_into_place,
    remove,
    remove_dead_leftovers,
    sync_tree,
    temporary_path,
)
from ..format.identity import Grid, read_identity
from . import FORMS, shard_path
from .contents import read_digests
from .form import SourceInfo, StoredVideo
from .layout import Codes, ShardLayout, grid_name

AnyCodes = NDArray[np.integer]


@dataclass(frozen=True, kw_only=True)
class WrittenShard:
    """A finished token shard, in its place but not yet committed; small enough to send around.

    Attributes:
        shard: Its number in the plan.
        keys: Its videos, in stored order.
        frames: Stored frames of each.
        digests: Digest of each (see `digest.video_digest`).
        files: Every file, by name relative to the store.
        codes_used: Which codes occur (see `CommitRecord`).
        grids: `(h, w)` of each in the view `full`, where that is stored.
    """

    shard: int
    keys: tuple[str, ...]
    frames: tuple[int, ...]
    digests: tuple[str, ...]
    files: Mapping[str, FileRecord]
    codes_used: str
    grids: tuple[Grid, ...] = ()


class ShardWriter:
    """Writes one token shard; use as a context manager, so that a failure leaves nothing behind.

    Codes go to temporary files as they come, so memory holds one video and, while packing, one
    file of an array.

    Args:
        store: The store's folder, made by `create_store`.
        shard: Number of the shard in the plan.
    """

    def __init__(self, store: str | Path, shard: int) -> None:
        self.store = Path(store)
        self.shard = shard
        self.identity = read_identity(self.store)
        self.final = shard_path(self.store, self.identity, shard)
        self.final.parent.mkdir(exist_ok=True)
        remove_dead_leftovers(self.final.parent, self.final.name)
        self.folder = temporary_path(self.final)
        self.folder.mkdir()
        self.videos: list[StoredVideo] = []
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
        own = None
        for view, values in checked.items():
            grid = (values.shape[1], values.shape[2])
            fixed = self.identity.stored_grid(view) is not None
            own = own if fixed else grid
            with self.spool(view if fixed else grid_name(view, grid)).open("ab") as spool:
                spool.write(values.data)
            self.used[np.unique(values)] = True
        self.videos.append(StoredVideo(key=key, frames=lengths.pop(), source=source, grid=own))
        self.digests.append(video_digest(key, checked))

    def checked(self, key: str, view: str, codes: AnyCodes) -> Codes:
        """Codes of one view in the stored type, or StoreError."""
        codes = np.asarray(codes)
        grid = self.identity.stored_grid(view)
        fits = codes.ndim == 3 and (grid is None or codes.shape[1:] == grid)
        if not fits or not np.issubdtype(codes.dtype, np.integer):
            wanted = grid or "its own grid"
            raise StoreError(
                f"{key}: {codes.dtype} {codes.shape} is no integer (T, h, w) of {wanted}"
            )
        if not len(codes):
            raise StoreError(f"{key}: no frames")
        if not codes.size:
            raise StoreError(f"{key}: frames without codes")
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
        keys, frames = [v.key for v in self.videos], [v.frames for v in self.videos]
        grids = tuple(video.grid for video in self.videos if video.grid)
        layout = ShardLayout(self.identity, keys, frames, grids)
        form = FORMS[self.identity.form]
        form.write(packed, layout, self.videos, self.spooled(layout))
        reader = form.open(LocalFiles(self.folder), packed.name, layout)
        if read_digests(reader) != self.digests or reader.videos() != self.videos:
            raise StoreError(f"{packed} does not read back as written: check the disk")
        sync_tree(packed)
        move_into_place(packed, self.final)
        self.close()
        part = self.final.relative_to(self.store).as_posix()
        return WrittenShard(
            shard=self.shard,
            keys=tuple(keys),
            frames=tuple(frames),
            digests=tuple(self.digests),
            files={
                name: FileRecord(bytes=path.stat().st_size, sha256=file_sha256(path))
                for name, path in files_below(self.store, part).items()
            },
            codes_used=pack_used(self.used),
            grids=grids,
        )

    def spool(self, array: str) -> Path:
        """Where the codes of an array are kept until they are packed."""
        return self.folder / f"{array.replace('/', '.')}.raw"

    def spooled(self, layout: ShardLayout) -> dict[str, Codes]:
        """The spooled codes of each array, `(frames, h, w)`, mapped from disk."""
        arrays: dict[str, Codes] = {}
        for name, array in layout.arrays.items():
            shape = (array.frames, *array.grid)
            if array.frames:
                arrays[name] = np.memmap(self.spool(name), array.dtype, "r", shape=shape)
            else:
                arrays[name] = np.zeros(shape, array.dtype)
        return arrays
