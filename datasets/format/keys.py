"""Keys of many videos in one block of text, found without making a string of each."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

Ends = NDArray[np.unsignedinteger]


class Keys(Sequence[str]):
    """Keys in order, decoded when asked for.

    Args:
        text: All keys in UTF-8, one after another, uint8.
        ends: Where each key ends in `text`, `(keys,)`.
        order: Numbers of the keys in the order of their bytes, `(keys,)`; needed to `find`.
        first: Where the first key begins in `text`.
    """

    def __init__(self, text: NDArray[np.uint8], ends: Ends, order: Ends, first: int = 0) -> None:
        self.text = text
        self.ends = ends
        self.order = order
        self.first = first

    @classmethod
    def of(cls, keys: Sequence[str]) -> "Keys":
        """Pack keys."""
        encoded = [key.encode() for key in keys]
        order = sorted(range(len(encoded)), key=encoded.__getitem__)
        ends = np.cumsum([0, *map(len, encoded)])[1:]
        kind = np.uint32 if not len(ends) or ends[-1] < 2**32 else np.uint64
        return cls(
            np.frombuffer(b"".join(encoded), dtype=np.uint8),
            ends.astype(kind),
            np.array(order, dtype=np.uint32),
        )

    def __len__(self) -> int:
        """Number of keys."""
        return len(self.ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        """One key, or a list of them."""
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        return self.encoded(range(len(self))[index]).decode()

    def encoded(self, number: int) -> bytes:
        """One key in UTF-8."""
        start = int(self.ends[number - 1]) if number else self.first
        return self.text[start : int(self.ends[number])].tobytes()

    def part(self, first: int, last: int) -> "Keys":
        """The keys `first` to `last`, not copied."""
        start = int(self.ends[first - 1]) if first else self.first
        return Keys(self.text, self.ends[first:last], self.order[:0], start)

    def find(self, key: str) -> int | None:
        """Number of a key, or None."""
        wanted = key.encode("utf-8", "surrogateescape")
        place = bisect_left(self.order, wanted, key=lambda number: self.encoded(int(number)))
        if place == len(self) or self.encoded(int(self.order[place])) != wanted:
            return None
        return int(self.order[place])
