"""All videos of a shard, read in order within bounded memory, and their digests."""

from collections.abc import Iterator

import numpy as np

from ..errors import StoreError
from ..format.digest import video_digest
from .form import ShardReader
from .layout import CodeArray, Codes

WINDOW_BYTES = 2**24
"""Codes held of each array, unless one video has more."""


def read_checked(reader: ShardReader, array: CodeArray, start: int, stop: int) -> Codes:
    """Frames `start` to `stop` of an array, read-only; raises StoreError for what is no code."""
    codes = reader.read(array, start, stop)
    codes.flags.writeable = False
    vocabulary = reader.layout.identity.vocabulary
    if codes.size and int(codes.max()) >= vocabulary:
        raise StoreError(
            f"{reader.name}: {array.name} holds codes past the vocabulary of {vocabulary}"
        )
    return codes


def videos_of(reader: ShardReader) -> Iterator[dict[str, Codes]]:
    """The codes of each video by view, `(T, h, w)`, in stored order."""
    layout = reader.layout
    streams = {name: array_videos(reader, array) for name, array in layout.arrays.items()}
    for video in range(len(layout.keys)):
        spans = {view: layout.span(video, view) for view in layout.identity.views}
        yield {view: next(streams[span.array.name]) for view, span in spans.items()}


def array_videos(reader: ShardReader, array: CodeArray) -> Iterator[Codes]:
    """The codes of each video of one array, read in windows of whole videos."""
    most, start, first = WINDOW_BYTES // array.frame_bytes, 0, 0
    while first < len(array.ends):
        until = max(first + 1, int(np.searchsorted(array.ends, start + most, side="right")))
        stop = int(array.ends[until - 1])
        window = read_checked(reader, array, start, stop)
        yield from np.split(window, array.ends[first : until - 1] - start)
        start, first = stop, until


def read_digests(reader: ShardReader) -> list[str]:
    """Digest of each video as the shard reads back; raises StoreError when it does not."""
    keys, videos = reader.layout.keys, videos_of(reader)
    return [video_digest(key, views) for key, views in zip(keys, videos, strict=True)]
