"""What a job would make and take, from a sample of its videos: nothing is written."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
import torch
from numcodecs.zstd import Zstd
from numpy.typing import NDArray

from ...tokenizer import Tokenizer, load_tokenizer
from ..errors import PipelineError
from ..video import VideoError, VideoReader, VideoSource, probe
from .config import RunOptions, TokenizeConfig
from .decoding import Piece
from .encoding import VideoEncoder, encode_pieces
from .machine import cores, devices, one_thread
from .plan import check_fit, planned_videos, shard_size
from .recipe import Recipe
from .run import check_options, part_for, shards_of

PROBED = 32
"""Videos whose length is asked for."""

MEASURED, MEASURED_SECONDS = 8, 10.0
"""Videos of which the first batch is tokenized, unless that takes longer."""

Stored = Callable[[NDArray[np.integer]], int]

STORED: dict[str, Stored] = {
    "zarr": lambda codes: len(Zstd(level=15).encode(codes)),
    "webdataset": lambda codes: codes.nbytes,
}
"""Bytes that codes take in a shard, by its form."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """The first frames of a video, tokenized: all per frame."""

    decode_seconds: float
    encode_seconds: float
    tokens: float
    bytes: float


def estimate(config: TokenizeConfig, options: RunOptions) -> dict[str, Any]:
    """What `tokenize` would do with the same arguments.

    Returns:
        `videos` found, `listed` with the `missing` ones of label files or lists,
        `missing_videos`; `probed` and `unreadable` of the sample; estimated `video_hours`,
        `frames`, `tokens`, `bytes`, `shards`, `decode_seconds`, `encode_seconds` of one core or
        card, and `seconds` on this machine: all of the whole job. Where this run has a part of
        it, `part_videos`, `part_shards` and `part_seconds`, too.

    Raises:
        PipelineError: no video of the sample can be read, or the part or device is none.
        InputError, TokenizerError: as `plan_job`.
    """
    check_options(options)
    places = devices(options.device)
    tokenizer = load_tokenizer(config.tokenizer, places[0], config.precision, config.trust)
    check_fit(config, tokenizer)
    sources, missing = planned_videos(config)
    found = [source for source in sources if source.path.exists()]
    missing += [source.key for source in sources if not source.path.exists()]
    probed = found[:PROBED]
    lengths = {source: seconds for source in probed if (seconds := length_of(source)) is not None}
    with one_thread():
        samples = measure(list(lengths), tokenizer, config.recipe, STORED[config.form])
    if not samples:
        raise PipelineError(
            f"none of {len(probed)} sampled videos can be read; {len(missing)} are missing"
        )
    frames = len(found) * fmean(math.ceil(s * config.fps) for s in lengths.values())
    decoding = frames * fmean(sample.decode_seconds for sample in samples)
    encoding = frames * fmean(sample.encode_seconds for sample in samples)
    seconds = wall_seconds(decoding, encoding, places, options)
    size = config.videos_per_shard or shard_size(len(sources))
    return {
        "videos": len(found),
        "listed": len(found) + len(missing),
        "missing": len(missing),
        "missing_videos": missing,
        "probed": len(probed),
        "unreadable": len(probed) - len(lengths),
        "video_hours": len(found) * fmean(lengths.values()) / 3600,
        "frames": round(frames),
        "tokens": round(frames * fmean(sample.tokens for sample in samples)),
        "bytes": round(frames * fmean(sample.bytes for sample in samples)),
        "shards": math.ceil(len(sources) / size),
        "decode_seconds": decoding,
        "encode_seconds": encoding,
        "seconds": seconds,
        **part_of_job(sources, size, options, seconds / len(found)),
    }


def part_of_job(
    sources: Sequence[VideoSource], size: int, options: RunOptions, seconds_a_video: float
) -> dict[str, Any]:
    """What this run does of the job; nothing where it does all."""
    if part_for(options) is None:
        return {}
    shards = shards_of(math.ceil(len(sources) / size), options)
    videos = sum(
        source.path.exists() for at in shards for source in sources[at * size : (at + 1) * size]
    )
    return {
        "part_videos": videos,
        "part_shards": len(shards),
        "part_seconds": videos * seconds_a_video,
    }


def wall_seconds(
    decoding: float, encoding: float, places: tuple[str, ...], options: RunOptions
) -> float:
    """Seconds on this machine: cores share both, or cards encode what cores decode."""
    if places == ("cpu",):
        return (decoding + encoding) / min(options.processes or cores(), cores())
    return max(decoding / cores(), encoding / len(places))


def length_of(source: VideoSource) -> float | None:
    """Seconds a video says it lasts; none when it cannot be read or does not say."""
    try:
        with source.open() as path:
            return probe(path).duration_seconds
    except VideoError:
        return None


def measure(
    sources: list[VideoSource],
    tokenizer: Tokenizer,
    recipe: Recipe,
    stored: Stored,
) -> list[Measured]:
    """Tokenize the first frames of some videos."""
    tokenizer.encode(torch.zeros(1, 3, recipe.size, recipe.size, dtype=torch.uint8))  # warm up
    began = time.monotonic()
    samples: list[Measured] = []
    for source in sources:
        if len(samples) == MEASURED or time.monotonic() - began > MEASURED_SECONDS:
            break
        try:
            samples.append(measure_one(source, tokenizer, recipe, stored))
        except (VideoError, StopIteration):
            continue
    return samples


def measure_one(
    source: VideoSource,
    tokenizer: Tokenizer,
    recipe: Recipe,
    stored: Stored,
) -> Measured:
    """Tokenize the first batch of frames of a video; raises VideoError or StopIteration."""
    size, *others = recipe.sizes
    began = time.monotonic()
    with source.open() as path:
        reader = VideoReader(path, fps=recipe.fps, size=size, other_sizes=tuple(others))
        with closing(reader.batches()) as batches:
            piece = Piece(video=0, batch=next(batches))
    decoded = time.monotonic() - began
    encoder = VideoEncoder(tokenizer, recipe)
    encode_pieces([(encoder, piece)], tokenizer)
    codes = [np.concatenate(parts) for parts in encoder.codes.values()]
    return Measured(
        decode_seconds=decoded / piece.frames,
        encode_seconds=encoder.encode_seconds / piece.frames,
        tokens=sum(view.size for view in codes) / piece.frames,
        bytes=sum(map(stored, codes)) / piece.frames,
    )
