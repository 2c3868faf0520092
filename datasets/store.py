"""Reading a token store."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import StoreError
from .format.commit import CommitRecord, read_commit
from .format.files import TOKENIZER_FOLDER, shard_path
from .format.identity import StoreIdentity, read_identity
from .format.index import StoreIndex, load_index
from .shards.zarr_form import Codes, read_codes
from .summary import summarize

CACHE_BYTES = 512 * 2**20


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
        self._numbers: dict[str, int] = {}
        self._shard_ends = np.cumsum(self.index.shard_sizes)
        self._frame_ends = np.cumsum(self.index.frames)

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
        if not self._numbers:
            self._numbers = {name: number for number, name in enumerate(self.keys)}
        if key not in self._numbers:
            raise StoreError(f"no video {key!r} in {self.path}")
        return self._numbers[key]

    def read(self, key: str, view: str = "center") -> Codes:
        """Codes of the video with a key, `(T, h, w)` (see `codes`)."""
        return self.codes(self.index_of(key), view)

    def codes(self, index: int, view: str = "center") -> Codes:
        """Codes of a video, `(T, h, w)` uint16 (uint32 above 65535 codes), read-only.

        Args:
            index: Number of the video.
            view: Which of the stored crops.

        Raises:
            StoreError: its shard is missing or damaged; codes are never made up.
        """
        self.identity.grid(view)
        number = range(len(self))[index]
        place = int(np.searchsorted(self._shard_ends, number, side="right"))
        first, end = self._frames_of_shard(place)
        stop = int(self._frame_ends[number])
        window = slice(stop - int(self.frames[number]) - first, stop - first)
        if (end - first) * self._frame_bytes(view) > self.cache_bytes:
            return self._read(place, view, window)
        return self._whole_shard(place, view)[window]

    def _frames_of_shard(self, place: int) -> tuple[int, int]:
        """First frame and end of the shard at a place, counted over the whole store."""
        last = int(self._shard_ends[place])
        first = last - int(self.shard_sizes[place])
        return (int(self._frame_ends[first - 1]) if first else 0), int(self._frame_ends[last - 1])

    def _frame_bytes(self, view: str) -> int:
        h, w = self.identity.grid(view)
        return h * w * np.dtype(self.identity.code_dtype).itemsize

    def _whole_shard(self, place: int, view: str) -> Codes:
        """All codes of a shard, kept until others need the memory."""
        codes = self._cache.pop((place, view), None)
        if codes is None:
            codes = self._read(place, view, slice(None))
            held = sum(array.nbytes for array in self._cache.values())
            while self._cache and held + codes.nbytes > self.cache_bytes:
                held -= self._cache.popitem(last=False)[1].nbytes
        self._cache[place, view] = codes
        return codes

    def _read(self, place: int, view: str, window: slice) -> Codes:
        first, end = self._frames_of_shard(place)
        group = shard_path(self.path, int(self.index.shards[place]))
        codes = read_codes(group, view, end - first, self.identity, window)
        codes.flags.writeable = False
        return codes
