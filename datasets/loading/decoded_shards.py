"""Whole shards decoded once and kept while clips are drawn from them."""

from collections import OrderedDict

from ..shards.contents import read_checked
from ..shards.layout import Codes
from ..store import TokenStore


class DecodedShards:
    """The codes of a few shards in memory, to draw clips from.

    Args:
        store: The token store.
        shards: How many shards are kept; the one not used for longest goes first.
    """

    def __init__(self, store: TokenStore, shards: int) -> None:
        self.store = store
        self.shards = shards
        self._kept: OrderedDict[int, dict[str, Codes]] = OrderedDict()

    def __getstate__(self) -> dict[str, object]:
        """Leave out what was decoded."""
        return vars(self) | {"_kept": OrderedDict()}

    def clip(self, index: int, start: int, frames: int, stride: int, view: str) -> Codes:
        """Codes of a clip, `(T, h, w)`; fewer frames where the video ends.

        See `TokenStore.clip`.
        """
        place, video = self.store.locate(index)
        arrays = self._kept.get(place)
        if arrays is None:
            arrays = self._kept[place] = {}
            if len(self._kept) > self.shards:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(place)
        shard = self.store.shard(place)
        array, first, end = shard.layout.span(video, view)
        if array.name not in arrays:
            arrays[array.name] = read_checked(shard, array, 0, array.frames)
        first += start
        return arrays[array.name][first : min(first + (frames - 1) * stride + 1, end) : stride]
