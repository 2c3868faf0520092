"""Reading a token store."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import StoreError
from .format.commit import CommitRecord, read_commit
from .format.files import TOKENIZER_FOLDER
from .format.identity import StoreIdentity, read_identity
from .format.index import StoreIndex, load_index
from .shards import open_shard
from .shards.contents import read_checked
from .shards.form import ShardReader
from .shards.layout import CodeArray, Codes, ShardLayout
from .summary import summarize

CACHE_BYTES = 512 * 2**20
OPEN_SHARDS = 64


class TokenStore:
    """The codes of many videos, by index or by key.

    Videos are numbered over the committed shards in order. Reading one decodes its whole shard
    once and keeps it, so that reading in an order that stays within few shards (as
    `epoch_order` gives) is fast. A store can be sent to other processes; what was read stays here.

    Attributes:
        path: The store's folder.
        identity: What the store is made of.
    """

    def __init__(
        self, path: Path, identity: StoreIdentity, index: StoreIndex, cache_bytes: int
    ) -> None:
        self.path = path
        self.identity = identity
        self.index = index
        self.cache_bytes = cache_bytes
        self._prepare()

    def _prepare(self) -> None:
        """Make what is derived from the index."""
        self._cache: OrderedDict[tuple[int, str], Codes] = OrderedDict()
        self._open: OrderedDict[int, ShardReader] = OrderedDict()
        self._shard_ends = np.cumsum(self.index.shard_sizes)

    def __getstate__(self) -> dict[str, object]:
        """Leave out what can be read or made again."""
        return {name: v for name, v in vars(self).items() if not name.startswith("_")}

    def __setstate__(self, state: dict[str, object]) -> None:
        """Restore with an empty cache."""
        vars(self).update(state)
        self._prepare()

    @classmethod
    def open(cls, path: str | Path, *, cache_bytes: int = CACHE_BYTES) -> "TokenStore":
        """Open a store; reads its index, not its shards.

        Args:
            path: The store's folder.
            cache_bytes: Memory for decoded shards, in this process.

        Raises:
            StoreError: no store there, nothing committed yet, or a newer format.
        """
        folder = Path(path).absolute()
        identity = read_identity(folder)
        index = load_index(folder)
        if not len(index.shards):
            raise StoreError(f"{path} has no committed shards yet: run or resume `vimpac tokenize`")
        return cls(folder, identity, index, cache_bytes)

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
    def tokenizer_folder(self) -> Path:
        """Where the tokenizer's config and weights are, when they travel with the store."""
        return self.path / TOKENIZER_FOLDER

    @property
    def commits(self) -> list[CommitRecord]:
        """Commit records of the store's shards, read anew."""
        return [read_commit(self.path, int(shard)) for shard in self.index.shards]

    def summary(self) -> dict[str, object]:
        """Figures of the store, ready for JSON (see `summary.summarize`)."""
        return summarize(self.path, self.identity, self.commits)

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
        number = range(len(self))[index]
        place = int(np.searchsorted(self._shard_ends, number, side="right"))
        first = int(self._shard_ends[place] - self.shard_sizes[place])
        shard = self._shard(place)
        array, start, stop = shard.layout.span(number - first, view or self.identity.default_view)
        if array.frames * array.frame_bytes > self.cache_bytes:
            codes = read_checked(shard, array, start, stop)
            codes.flags.writeable = False
            return codes
        return self._whole_array(place, shard, array)[start:stop]

    def _shard(self, place: int) -> ShardReader:
        """The open shard at a place of the index."""
        shard = self._open.pop(place, None)
        if shard is None:
            last = int(self._shard_ends[place])
            first = last - int(self.shard_sizes[place])
            layout = ShardLayout(
                self.identity,
                self.index.keys[first:last],
                self.frames[first:last],
                self.index.grids[first:last],
            )
            shard = open_shard(self.path, int(self.index.shards[place]), layout)
        self._open[place] = shard
        if len(self._open) > OPEN_SHARDS:
            self._open.popitem(last=False)
        return shard

    def _whole_array(self, place: int, shard: ShardReader, array: CodeArray) -> Codes:
        """All codes of an array, kept until others need the memory."""
        codes = self._cache.pop((place, array.name), None)
        if codes is None:
            codes = read_checked(shard, array, 0, array.frames)
            codes.flags.writeable = False
            held = sum(array.nbytes for array in self._cache.values())
            while self._cache and held + codes.nbytes > self.cache_bytes:
                held -= self._cache.popitem(last=False)[1].nbytes
        self._cache[place, array.name] = codes
        return codes
