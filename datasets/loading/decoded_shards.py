"""Whole shards decoded once and kept while clips are drawn from them."""

from collections import OrderedDict

import numpy as np

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
        self._kept: OrderedDict[int, dict[str, list[Codes]]] = OrderedDict()

    def __getstate__(self) -> dict[str, object]:
        """Leave out what was decoded."""
        return vars(self) | {"_kept": OrderedDict()}

    def clip(self, index: int, start: int, frames: int, stride: int, view: str) -> Codes:
        """Codes of a clip, `(T, h, w)`; fewer frames where the video ends.

        See `TokenStore.clip`.
        """
        place, video = self.store.locate(index)
        views = self._kept.get(place)
        if views is None:
            views = self._kept[place] = {}
            if len(self._kept) > self.shards:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(place)
        if view not in views:
            views[view] = self.decoded(place, view)
        return views[view][video][start : start + (frames - 1) * stride + 1 : stride]

    def decoded(self, place: int, view: str) -> list[Codes]:
        """The codes of every video of a shard in one view, `(T, h, w)` each, in stored order."""
        shard = self.store.shard(place)
        videos: dict[int, Codes] = {}
        for array in shard.layout.arrays.values():
            if array.view == view:
                codes = read_checked(shard, array, 0, array.frames)
                parts = np.split(codes, array.ends[:-1])
                videos.update(zip(array.videos.tolist(), parts, strict=True))
        return [videos[number] for number in sorted(videos)]
