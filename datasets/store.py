"""Reading a token store."""

import hashlib
import tempfile
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from .errors import StoreError
from .format.access import LocalFiles, Place, StoreFiles, open_files
from .format.cache import CachedFiles, copy_file
from .format.commit import CommitRecord, read_commit
from .format.files import TOKENIZER_FOLDER, remove
from .format.identity import StoreIdentity, read_identity
from .format.index import StoreIndex, load_index
from .shards import open_shard
from .shards.contents import read_checked
from .shards.form import ShardReader, StoredVideo
from .shards.layout import Codes, ShardLayout
from .summary import summarize

OPEN_ARRAYS = 512
"""Arrays that the shards held open have in all, each a file or two."""


class TokenStore:
    """The codes of many videos, by number or by key.

    Videos are numbered over the committed shards in order. Reading takes from a shard's file just
    what is asked for. A store can be sent to other processes.

    Attributes:
        path: The store's folder, or its URL.
        identity: What the store is made of.
        index: What it holds.
        files: Where it is read from.
    """

    def __init__(
        self, path: Path | str, files: StoreFiles, identity: StoreIdentity, index: StoreIndex
    ) -> None:
        self.path = path
        self.files = files
        self.identity = identity
        self.index = index
        self._prepare()

    def _prepare(self) -> None:
        """Make what is derived from the index."""
        self._open: OrderedDict[int, ShardReader] = OrderedDict()
        self._shard_ends: list[int] = np.cumsum(self.index.shard_sizes).tolist()
        self._tokenizer: Path | None = None

    def __getstate__(self) -> dict[str, object]:
        """Leave out what can be read or made again."""
        return {name: v for name, v in vars(self).items() if not name.startswith("_")}

    def __setstate__(self, state: dict[str, object]) -> None:
        """Restore without open files."""
        vars(self).update(state)
        self._prepare()

    @classmethod
    def open(cls, path: str | Path, *, cache: str | Path | None = None) -> "TokenStore":
        """Open a store; reads its index, not its shards.

        Args:
            path: The store's folder, or a URL that fsspec knows.
            cache: Folder for copies of a remote store's shards, made when first read. What is
                there is used again as long as the store holds the same.

        Raises:
            StoreError: no store there, nothing committed yet, or a newer format.
        """
        files = open_files(path)
        place: Place = files
        if isinstance(files, LocalFiles):
            path = place = files.folder.absolute()
            files = LocalFiles(path)
        identity = read_identity(place)
        index = load_index(place)
        if not len(index.shards):
            raise StoreError(f"{path} has no committed shards yet: run or resume `vimpac tokenize`")
        if cache is not None and not isinstance(files, LocalFiles):
            files = CachedFiles(files, Path(cache).absolute() / manifest_hash(identity, index))
        return cls(path, files, identity, index)

    def __len__(self) -> int:
        """Number of videos."""
        return len(self.index.frames)

    @property
    def keys(self) -> Sequence[str]:
        """Key of each video."""
        return self.index.keys

    @property
    def frames(self) -> NDArray[np.int64]:
        """Stored frames of each video, `(videos,)` int64."""
        return self.index.frames

    @property
    def shard_sizes(self) -> NDArray[np.int64]:
        """Videos in each committed shard, `(shards,)` int64."""
        return self.index.shard_sizes

    @property
    def is_local(self) -> bool:
        """Whether shards are read from this machine, if need be after a first copy."""
        return isinstance(self.files, LocalFiles | CachedFiles)

    @property
    def folder(self) -> Path:
        """The store's folder; raises StoreError when it is behind a URL."""
        if not isinstance(self.path, Path):
            raise StoreError(f"{self.path} is not on this machine: `vimpac tokens pull` it first")
        return self.path

    @property
    def tokenizer_folder(self) -> Path:
        """Where the tokenizer's config and weights are, when they travel with the store.

        Of a remote store they are copied to this machine.
        """
        if isinstance(self.path, Path):
            return self.path / TOKENIZER_FOLDER
        if self._tokenizer is None:
            copies = Path(tempfile.mkdtemp(prefix="vimpac-"))
            finalize(self, remove, copies)
            for name in self.files.sizes(TOKENIZER_FOLDER):
                source = self.files.open(f"{TOKENIZER_FOLDER}/{name}")
                copy_file(source, copies / TOKENIZER_FOLDER / name)
            self._tokenizer = copies / TOKENIZER_FOLDER
        return self._tokenizer

    @property
    def commits(self) -> Iterator[CommitRecord]:
        """Commit records of the store's shards, read anew, one at a time."""
        return (read_commit(self.files, int(shard)) for shard in self.index.shards)

    def summary(self) -> dict[str, object]:
        """Figures of the store, ready for JSON (see `summary.summarize`)."""
        return summarize(self.files, self.identity, self.commits)

    def index_of(self, key: str) -> int:
        """Number of the video with a key; raises StoreError when there is none."""
        number = self.index.keys.find(key)
        if number is None:
            raise StoreError(f"no video {key!r} in {self.path}")
        return number

    def read(self, key: str, view: str | None = None) -> Codes:
        """Codes of the video with a key, `(T, h, w)` (see `codes`)."""
        return self.codes(self.index_of(key), view)

    def codes(self, index: int, view: str | None = None) -> Codes:
        """Codes of a video, `(T, h, w)` uint16 (uint32 above 65535 codes), read-only.

        Args:
            index: Number of the video.
            view: Which of the stored crops; by default `center` where it is stored.

        Raises:
            StoreError: its shard is missing or damaged; codes are never made up.
        """
        place, video = self.locate(index)
        shard = self.shard(place)
        return read_checked(shard, *shard.layout.span(video, view or self.identity.default_view))

    def clip(
        self, index: int, start: int, frames: int, stride: int = 1, view: str | None = None
    ) -> Codes:
        """Codes of every `stride`-th frame from `start`, `(T, h, w)`; fewer where the video ends.

        Args:
            index: Number of the video.
            start: Stored frame to begin with.
            frames: T, frames to take.
            stride: Stored frames from one to the next.
            view: As in `codes`.

        Raises:
            StoreError: as `codes`, or a start or length that is no clip.
        """
        if start < 0 or frames < 1 or stride < 1:
            raise StoreError(f"no clip of {frames} frames, {stride} apart, begins at {start}")
        place, video = self.locate(index)
        shard = self.shard(place)
        array, first, end = shard.layout.span(video, view or self.identity.default_view)
        first, last = first + start, first + start + (frames - 1) * stride + 1
        return read_checked(shard, array, min(first, end), min(last, end))[::stride]

    def metadata(self, index: int) -> StoredVideo:
        """What the store knows of a video beside its codes; raises StoreError as `codes`."""
        place, video = self.locate(index)
        return self.shard(place).videos()[video]

    def locate(self, index: int) -> tuple[int, int]:
        """Place of a video's shard in the index, and the video's number within the shard."""
        number = range(len(self))[index]
        place = bisect_right(self._shard_ends, number)
        return place, number - (self._shard_ends[place - 1] if place else 0)

    def shard(self, place: int) -> ShardReader:
        """The shard at a place of the index, opened; raises StoreError when it cannot be."""
        shard = self._open.get(place)
        if shard is not None:
            self._open.move_to_end(place)
            return shard
        shard = self._open[place] = open_shard(
            self.files, int(self.index.shards[place]), self._layout(place)
        )
        self._close_unused()
        return shard

    def _close_unused(self) -> None:
        """Close the shards not used for longest while more arrays than `OPEN_ARRAYS` are open."""
        arrays = sum(len(shard.layout.arrays) for shard in self._open.values())
        while arrays > OPEN_ARRAYS and len(self._open) > 1:
            _, closed = self._open.popitem(last=False)
            arrays -= len(closed.layout.arrays)

    def _layout(self, place: int) -> ShardLayout:
        """What the shard at a place of the index must hold."""
        first, last = self._shard_ends[place - 1] if place else 0, self._shard_ends[place]
        return ShardLayout(
            self.identity,
            self.index.keys.part(first, last),
            self.frames[first:last],
            self.index.grids[first:last],
        )


def manifest_hash(identity: StoreIdentity, index: StoreIndex) -> str:
    """Names what a store holds, for caches: its identity, form, commit records and codes."""
    facts = (identity.hash, identity.form, index.signature, index.logical_hash)
    return hashlib.sha256(" ".join(facts).encode()).hexdigest()
