"""How small codes could be packed: their entropy by themselves, and given the frame before."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .store import TokenStore

SAMPLE_TOKENS = 2**23
"""Tokens looked at; all of them in smaller stores."""

SAMPLE_SHARDS = 16
"""Shards they are taken from, evenly spread over the store."""

Counts = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Entropy:
    """Entropy of a store's codes, in bits a token.

    Attributes:
        order_0: Of a code by itself.
        previous_frame: Of a code when the one at its place in the frame before is known; None
            where every video has a single frame.
        tokens: How many were looked at.
        sampled: Whether the store has more.
    """

    order_0: float
    previous_frame: float | None
    tokens: int
    sampled: bool

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, in bytes a token, to set beside the store's own."""
        previous = None if self.previous_frame is None else self.previous_frame / 8
        return {
            "order_0_bytes_per_token": self.order_0 / 8,
            "previous_frame_bytes_per_token": previous,
            "tokens": self.tokens,
            "sampled": self.sampled,
        }


class PairCounts:
    """Counts of codes and of what follows them, within bounded memory.

    What changes from one frame to the next is kept pair by pair, the rest as counts a code.
    """

    def __init__(self, vocabulary: int) -> None:
        self.vocabulary = vocabulary
        self.codes = np.zeros(vocabulary, np.int64)
        self.before = np.zeros(vocabulary, np.int64)
        self.repeats = np.zeros(vocabulary, np.int64)
        self.changes: list[NDArray[np.uint64]] = []

    def add(self, codes: NDArray[np.unsignedinteger]) -> None:
        """Count the codes of one video, `(T, h, w)`."""
        size = self.vocabulary
        self.codes += np.bincount(codes.ravel(), minlength=size)
        before, after = codes[:-1].ravel(), codes[1:].ravel()
        changed = before != after
        self.before += np.bincount(before, minlength=size)
        self.repeats += np.bincount(before[~changed], minlength=size)
        pairs = before[changed].astype(np.uint64) * np.uint64(size) + after[changed]
        self.changes.append(pairs)

    def previous_frame(self) -> float | None:
        """Bits a code that has one before it, or None where none has.

        By the chain rule: whether it changes, given the code before; and if so, to what. Most
        pairs of a large vocabulary are never seen in a sample, which makes the plain estimate far
        too low, so the unseen share is estimated (Chao and Shen 2003).
        """
        total = int(self.before.sum())
        if not total:
            return None
        changed = self.before - self.repeats
        pairs = np.unique(np.concatenate(self.changes), return_counts=True)[1]
        either = np.concatenate([self.repeats, changed])
        whether = total * (entropy(either) - entropy(self.before))
        to_what = int(changed.sum()) * (covered_entropy(pairs) - covered_entropy(changed))
        return min((whether + to_what) / total, entropy(self.codes))


def measure_entropy(store: TokenStore, limit: int = SAMPLE_TOKENS) -> Entropy:
    """Measure the entropy of a store's codes, on a sample where it has more than `limit` tokens."""
    counts = PairCounts(store.identity.vocabulary)
    tokens = seen = 0
    for number in sample_videos(store, limit):
        for view in store.identity.views:
            codes = store.codes(number, view)
            counts.add(codes)
            tokens += codes.size
        seen += 1
    return Entropy(
        order_0=entropy(counts.codes),
        previous_frame=counts.previous_frame(),
        tokens=tokens,
        sampled=seen < len(store),
    )


def sample_videos(store: TokenStore, limit: int) -> NDArray[np.int64]:
    """Numbers of videos that hold some `limit` tokens: the first of shards spread evenly."""
    frames = limit // max(1, store.identity.tokens_a_frame(store.identity.crop_grid))
    if int(store.frames.sum()) <= frames:
        return np.arange(len(store))
    ends = np.cumsum(store.shard_sizes)
    places = np.unique(np.linspace(0, len(ends) - 1, SAMPLE_SHARDS).astype(np.int64))
    chosen = []
    for place in places:
        numbers = np.arange(ends[place] - store.shard_sizes[place], ends[place])
        before = np.cumsum(store.frames[numbers]) - store.frames[numbers]
        chosen.append(numbers[before < frames // len(places)])
    return np.concatenate(chosen)


def entropy(counts: Counts) -> float:
    """Entropy of counted things, in bits; 0 where there are none."""
    shares = counts[counts > 0] / max(1, int(counts.sum()))
    return float(-(shares * np.log2(shares)).sum())


def covered_entropy(counts: Counts) -> float:
    """The same, allowing for things that exist but were never counted (Chao and Shen 2003)."""
    total = int(counts.sum())
    if total < 2:
        return 0.0
    times, things = np.unique(counts[counts > 0], return_counts=True)
    once = min(int(things[times == 1].sum()), total - 1)
    shares = (1 - once / total) * times / total
    return float(-(things * shares * np.log2(shares) / (1 - (1 - shares) ** total)).sum())
