"""From videos to codes: decoding runs ahead, frames are encoded across videos and views."""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...datasets import SourceInfo
from ...tokenizer import CodeStream, Tokenizer
from ..video import Frames, VideoError, VideoInfo, VideoSource, crop, shorter_side
from .decoding import Piece, decoded_ahead
from .recipe import Recipe

Codes = NDArray[np.unsignedinteger]

_DEVICE_FRAMES = 256
"""Frames gathered from several videos for an accelerator; a CPU encodes what is there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodedVideo:
    """What became of one video.

    Attributes:
        codes: `(T, h, w)` by the view's name; empty when it failed.
        source: what the codes were made from.
        error: why it failed.
        decode_seconds: time its decoder worked.
        encode_seconds: its share of the encoder's time.
    """

    codes: dict[str, Codes]
    source: SourceInfo
    error: VideoError | None
    decode_seconds: float
    encode_seconds: float


def encode_videos(
    sources: Sequence[VideoSource], tokenizer: Tokenizer, recipe: Recipe, *, decoders: int = 1
) -> Iterator[EncodedVideo]:
    """Decode and encode videos, each whole or failed, in the order given.

    Frames in flight are bounded; codes of videos that are done before their turn wait.

    Args:
        sources: the videos.
        tokenizer: what encodes them.
        recipe: how.
        decoders: videos decoded at once, ahead of the encoder.
    """
    gathered = 1 if tokenizer.device.type == "cpu" else _DEVICE_FRAMES
    begun: dict[int, VideoEncoder] = {}
    done: dict[int, EncodedVideo] = {}
    with decoded_ahead(sources, recipe, decoders) as queue:
        for turn in range(len(sources)):
            while turn not in done:
                pieces = queue.take(gathered)
                for piece in pieces:
                    begun.setdefault(piece.video, VideoEncoder(tokenizer, recipe))
                encode_pieces([(begun[piece.video], piece) for piece in pieces], tokenizer)
                for piece in pieces:
                    if piece.end is not None:
                        done[piece.video] = begun.pop(piece.video).end(piece.end)
            yield done.pop(turn)


def encode_video(
    path: Path, tokenizer: Tokenizer, recipe: Recipe
) -> tuple[dict[str, Codes], SourceInfo]:
    """Decode and encode one video file.

    Returns:
        Codes `(T, h, w)` by the view's name, and what they were made from.

    Raises:
        VideoError: the video cannot be read whole.
    """
    source = VideoSource(key=path.stem, path=path, extension=path.suffix, size=0)
    (video,) = encode_videos([source], tokenizer, recipe)
    if video.error is not None:
        raise video.error
    return video.codes, video.source


class VideoEncoder:
    """The codes of one video's views, piece by piece.

    Where a frame's codes depend on that frame alone, frames of several videos share batches;
    else each view has a stream of its own.
    """

    def __init__(self, tokenizer: Tokenizer, recipe: Recipe) -> None:
        self.tokenizer = tokenizer
        self.recipe = recipe
        self.streams: dict[str, CodeStream] = {}
        if recipe.steady or tokenizer.temporal_compression > 1:
            self.streams = {view.name: tokenizer.stream(recipe.steady) for view in recipe.views}
        self.codes: dict[str, list[Codes]] = {view.name: [] for view in recipe.views}
        self.decode_seconds = self.encode_seconds = 0.0

    def shown(self, piece: Piece) -> dict[str, Tensor]:
        """What each view shows of a piece, `(n, 3, H, W)` uint8."""
        frames = dict(zip(self.recipe.sizes, piece.batch, strict=bool(piece.batch)))
        size, multiple = self.recipe.size, self.tokenizer.compression
        return {
            view.name: as_pixels(crop(frames[shorter_side(view, size)], view, size, multiple))
            for view in self.recipe.views
            if frames
        }

    def keep(self, view: str, codes: Tensor) -> None:
        """Take the next codes of a view."""
        small = self.tokenizer.vocabulary <= 2**16
        self.codes[view].append(codes.cpu().numpy().astype(np.uint16 if small else np.uint32))

    def end(self, end: VideoInfo | Exception) -> EncodedVideo:
        """Close the video; an error that is not the video's own is raised."""
        if isinstance(end, Exception) and not isinstance(end, VideoError):
            raise end
        codes: dict[str, Codes] = {}
        if isinstance(end, VideoInfo):
            for view, stream in self.streams.items():
                self.keep(view, stream.end())
            while self.codes:  # one view after the other, to hold no second copy of them all
                view, pieces = self.codes.popitem()
                codes[view] = np.concatenate(pieces)
        source = SourceInfo()
        if isinstance(end, VideoInfo):
            source = SourceInfo(fps=end.fps, width=end.width, height=end.height)
        return EncodedVideo(
            codes=codes,
            source=source,
            error=end if isinstance(end, VideoError) else None,
            decode_seconds=self.decode_seconds,
            encode_seconds=self.encode_seconds,
        )


def encode_pieces(pieces: Sequence[tuple[VideoEncoder, Piece]], tokenizer: Tokenizer) -> None:
    """Encode what all views show of pieces, of one video or several."""
    began = time.monotonic()
    shared: defaultdict[torch.Size, list[tuple[VideoEncoder, str, Tensor]]] = defaultdict(list)
    for encoder, piece in pieces:
        for view, pixels in encoder.shown(piece).items():
            if encoder.streams:
                encoder.keep(view, encoder.streams[view].push(pixels))
            else:
                shared[pixels.shape[2:]].append((encoder, view, pixels))
    for same_sized in shared.values():
        codes = tokenizer.encode(torch.cat([pixels for _, _, pixels in same_sized]))
        lengths = [len(pixels) for _, _, pixels in same_sized]
        for (encoder, view, _), part in zip(same_sized, codes.split(lengths), strict=True):
            encoder.keep(view, part)
    seconds = time.monotonic() - began
    frames = sum(piece.frames for _, piece in pieces)
    for encoder, piece in pieces:
        encoder.decode_seconds += piece.seconds
        encoder.encode_seconds += seconds * piece.frames / max(frames, 1)


def as_pixels(frames: Frames) -> Tensor:
    """Frames `(n, H, W, 3)` as pixels `(n, 3, H, W)`, for a tokenizer."""
    return torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2)
