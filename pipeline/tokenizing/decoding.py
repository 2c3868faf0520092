"""Decoding ahead: threads that each drive an ffmpeg, and a bounded number of frames in flight."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event, Lock, Thread

from ..video import Frames, VideoInfo, VideoReader, VideoSource
from .recipe import Recipe

_PIECES_A_DECODER = 2
"""Pieces of decoded video that wait for the encoder; each is at most `pictures.BATCH_BYTES`."""

_CLOSING_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """Some frames of one video, or how its decoding ended.

    Attributes:
        video: its number among the videos given.
        batch: frames `(n, H, W, 3)` uint8 at each of the recipe's sizes; none on the last piece.
        end: on the last piece, what the file says of itself, or why the video is not whole.
        seconds: time the decoder took for it.
    """

    video: int
    batch: tuple[Frames, ...] = ()
    end: VideoInfo | Exception | None = None
    seconds: float = 0.0

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.batch[0]) if self.batch else 0


class PieceQueue:
    """Pieces on their way from decoders to the encoder; closing it ends the decoders."""

    def __init__(self, pieces: int) -> None:
        self._queue: Queue[Piece] = Queue(pieces)
        self._closed = Event()

    def put(self, piece: Piece) -> bool:
        """Wait for room; False when nobody will take the piece any more."""
        while not self._closed.is_set():
            try:
                self._queue.put(piece, timeout=_CLOSING_SECONDS)
            except Full:
                continue
            return True
        return False

    def take(self, frames: int) -> list[Piece]:
        """The next piece, and those that wait behind it until there are so many frames."""
        pieces = [self._queue.get()]
        while sum(piece.frames for piece in pieces) < frames:
            try:
                pieces.append(self._queue.get_nowait())
            except Empty:
                break
        return pieces

    def close(self) -> None:
        """Turn away what is still to come."""
        self._closed.set()


@contextmanager
def decoded_ahead(
    sources: Sequence[VideoSource], recipe: Recipe, decoders: int
) -> Iterator[PieceQueue]:
    """Decode videos in threads, the pieces of each in order, those of several mixed.

    Args:
        sources: the videos; begun in this order.
        recipe: how to decode them.
        decoders: videos decoded at once.
    """
    queue = PieceQueue(_PIECES_A_DECODER * decoders)
    turns, lock = iter(range(len(sources))), Lock()

    def work() -> None:
        while True:
            with lock:
                video = next(turns, None)
            if video is None or not decode(sources[video], video, recipe, queue.put):
                return

    threads = [Thread(target=work, daemon=True) for _ in range(min(decoders, len(sources)))]
    for thread in threads:
        thread.start()
    try:
        yield queue
    finally:
        queue.close()
        for thread in threads:
            thread.join()


def decode(source: VideoSource, video: int, recipe: Recipe, put: Callable[[Piece], bool]) -> bool:
    """Decode one video into pieces; False as soon as `put` turns one away."""
    began = time.monotonic()
    try:
        with source.open() as path:
            size, *others = recipe.sizes
            reader = VideoReader(
                path, fps=recipe.fps, size=size, other_sizes=tuple(others), limits=recipe.limits
            )
            batches = reader.batches()
            for batch in batches:
                piece = Piece(video=video, batch=batch, seconds=time.monotonic() - began)
                if not put(piece):
                    batches.close()
                    return False
                began = time.monotonic()
            end: VideoInfo | Exception = reader.info
    except Exception as error:  # a VideoError is the video's; any other ends the job
        end = error
    return put(Piece(video=video, end=end, seconds=time.monotonic() - began))
