"""The tokenize job: videos to a token store, a shard at a time, resumable after any death.

`run_shard` is a pure function of the job and the shard's number: a committed shard is skipped,
any other is decoded, encoded, written and committed last. An engine only schedules it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...datasets import (
    PlanItem,
    ShardWriter,
    SourceInfo,
    StoreIdentity,
    TokenizerIdentity,
    TokenStore,
    VideoFailure,
    commit_shard,
    committed,
    create_store,
    make_plan,
    read_commit,
)
from ...tokenizer import Tokenizer
from ..errors import PipelineError
from ..video import VideoError, VideoReader, VideoSource, center_crop, find_videos

LARGEST_SHARD = 2048
"""Videos of a shard; a ten-second video at 2 fps and 128 px is some 5 KB of codes."""

SMALLEST_SHARDS = 8
"""Small inputs are split into this many shards, so that several processes find work."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenizeConfig:
    """What to tokenize and how.

    Attributes:
        inputs: folders, files and tar shards of video.
        out: the store's folder.
        tokenizer: `default`, or a tokenizer's path.
        fps: frames a second to decode, encode and store.
        size: side of the square frames in pixels: shorter side resized to it, centre cropped.
        videos_per_shard: none chooses by the number of videos.
        max_failures: stop when more videos than this have failed; none never stops.
    """

    inputs: tuple[str, ...]
    out: Path
    tokenizer: str = "default"
    fps: float = 2.0
    size: int = 128
    videos_per_shard: int | None = None
    max_failures: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenizeJob:
    """A planned job: everything a worker needs, small enough to send to it."""

    config: TokenizeConfig
    shards: tuple[tuple[VideoSource, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoDone:
    """Told after each video: frames stored, or the failure."""

    key: str
    frames: int = 0
    failure: VideoFailure | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardDone:
    """A committed shard: what it holds, and whether it was there before."""

    shard: int
    videos: int
    skipped: bool
    failures: tuple[VideoFailure, ...] = field(default=())


def plan_job(config: TokenizeConfig, tokenizer: Tokenizer) -> TokenizeJob:
    """Find the videos, fix their split into shards and make the store, or open it to resume.

    Videos are planned in the order of their keys' hashes, so that every shard is a fair sample of
    the whole: neighbours in a folder (clips of one class, of one film) land in different shards.

    Raises:
        InputError: an input does not exist or holds no video.
        StoreError: the store was made with other options or from other videos.
        PipelineError: sizes that make no token grid.
    """
    if config.size % tokenizer.compression or config.size < tokenizer.compression:
        raise PipelineError(
            f"--size {config.size} is not a multiple of the tokenizer's {tokenizer.compression} px"
        )
    if not 0 < config.fps <= 1000:
        raise PipelineError(f"--fps must be above 0, at most 1000, not {config.fps}")
    sources = sorted(find_videos(config.inputs), key=lambda source: key_hash(source.key))
    spread = -(-len(sources) // SMALLEST_SHARDS)
    size = config.videos_per_shard or min(LARGEST_SHARD, spread)
    plan = make_plan([PlanItem(key=s.key, source=planned_source(s)) for s in sources], size)
    create_store(config.out, store_identity(config, tokenizer), plan, tokenizer.save)
    shards = tuple(tuple(sources[at : at + size]) for at in range(0, len(sources), size))
    return TokenizeJob(config=config, shards=shards)


def planned_source(source: VideoSource) -> str:
    """What the plan calls a video: its path below the input, or its tar and member."""
    member = source.key.removesuffix(source.extension) + source.extension
    return member if source.offset is None else f"{source.path.name}:{member}"


def key_hash(key: str) -> bytes:
    """Sorts keys in an order that has nothing to do with their names."""
    return sha256(key.encode()).digest()


def store_identity(config: TokenizeConfig, tokenizer: Tokenizer) -> StoreIdentity:
    """The identity of the store that `config` makes."""
    return StoreIdentity(
        tokenizer=TokenizerIdentity(
            name=tokenizer.name,
            fingerprint=tokenizer.fingerprint,
            vocabulary=tokenizer.vocabulary,
            compression=tokenizer.compression,
        ),
        fps=config.fps,
        size=config.size,
    )


def run_shard(
    job: TokenizeJob,
    shard: int,
    tokenizer: Tokenizer,
    on_video: Callable[[VideoDone], None],
) -> ShardDone:
    """Tokenize and commit one shard, or skip it when it is committed and whole.

    One bad video never ends the shard: it becomes a failure with a reason in the commit record.
    """
    config, sources = job.config, job.shards[shard]
    if committed(config.out, shard):
        record = read_commit(config.out, shard)
        return ShardDone(
            shard=shard, videos=len(record.keys), skipped=True, failures=record.failures
        )
    failures: list[VideoFailure] = []
    with ShardWriter(config.out, shard) as writer:
        for source in sources:
            done = tokenize_into(writer, source, tokenizer, config)
            if done.failure is not None:
                failures.append(done.failure)
            on_video(done)
        written = writer.finish()
    commit_shard(config.out, shard, written, failures)
    return ShardDone(shard=shard, videos=len(written.keys), skipped=False, failures=tuple(failures))


def tokenize_into(
    writer: ShardWriter, source: VideoSource, tokenizer: Tokenizer, config: TokenizeConfig
) -> VideoDone:
    """Tokenize one video into an open shard; a video that cannot be read is a failure."""
    try:
        with source.open() as path:
            codes, info = encode_video(path, tokenizer, fps=config.fps, size=config.size)
    except VideoError as error:
        failure = VideoFailure(key=source.key, reason=error.reason, detail=error.detail)
        return VideoDone(key=source.key, failure=failure)
    writer.add(source.key, codes, info)
    return VideoDone(key=source.key, frames=len(codes))


def encode_video(
    path: Path, tokenizer: Tokenizer, *, fps: float, size: int
) -> tuple[NDArray[np.uint16], SourceInfo]:
    """Decode and encode the centre crop of one video.

    Returns:
        Codes `(T, size / f, size / f)` and what they were made from.

    Raises:
        VideoError: the video cannot be read whole.
    """
    reader = VideoReader(path, fps=fps, size=size)
    codes = [encode_frames(center_crop(batch, size), tokenizer) for batch in reader.frames()]
    info = reader.info
    source = SourceInfo(fps=info.fps, width=info.width, height=info.height)
    return np.concatenate(codes), source


def encode_frames(frames: NDArray[np.uint8], tokenizer: Tokenizer) -> NDArray[np.integer]:
    """Frames `(n, H, W, 3)` uint8 to codes `(n, h, w)`."""
    pixels = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2)
    codes: NDArray[np.integer] = tokenizer.encode(pixels.to(tokenizer.device)).cpu().numpy()
    return codes


def summarise(store: TokenStore | None, shards: Sequence[ShardDone]) -> dict[str, Any]:
    """What became of every video.

    Returns:
        `videos` planned, `tokenized` now, `skipped` as done before, `failed` by reason,
        `failures`, and the store's `frames`, `tokens`, `bytes_on_disk`, `bytes_per_token`.
    """
    failures = [failure for done in shards for failure in done.failures]
    tokenized = sum(done.videos for done in shards if not done.skipped)
    skipped = sum(done.videos for done in shards if done.skipped)
    sizes = ("frames", "tokens", "bytes_on_disk", "bytes_per_token", "logical_hash")
    held = store.summary() if store is not None else dict.fromkeys(sizes)
    return {
        "videos": tokenized + skipped + len(failures),
        "tokenized": tokenized,
        "skipped": skipped,
        "failed": dict(Counter(failure.reason for failure in failures)),
        "failures": [
            {"video": failure.key, "reason": failure.reason, "detail": failure.detail}
            for failure in failures
        ],
        **{name: held[name] for name in sizes},
    }
