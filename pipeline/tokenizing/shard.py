"""One shard of a tokenize job: a pure function of the job and the shard's number."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ...datasets import (
    LARGEST_METADATA,
    ShardWriter,
    VideoFailure,
    commit_shard,
    committed,
    committed_videos,
    read_commit,
)
from ...tokenizer import Tokenizer
from ..video import VideoSource
from .encoding import EncodedVideo, encode_videos
from .plan import TokenizeJob

WORKER_KILLED = "worker_killed"
"""Reason of a video on which worker processes die; see `schedule.py`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoDone:
    """Told after each video: what was stored and the time it took, or the failure."""

    key: str
    frames: int = 0
    failure: VideoFailure | None = None
    decode_seconds: float = 0.0
    encode_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardDone:
    """A committed shard and what became of its videos.

    Attributes:
        shard: its number.
        tokenized: videos that were tokenized now.
        skipped: videos that had been before.
        failures: those without codes.
        known: videos, whole or failed, that were not attempted now.
    """

    shard: int
    tokenized: int = 0
    skipped: int = 0
    failures: tuple[VideoFailure, ...] = ()
    known: int = 0


def run_shard(
    job: TokenizeJob,
    shard: int,
    tokenizer: Tokenizer,
    on_video: Callable[[VideoDone], None],
    *,
    decoders: int = 1,
    retry_failed: bool = False,
    quarantined: Sequence[str] = (),
) -> ShardDone:
    """Tokenize and commit one shard, or skip it when it is committed and whole.

    One bad video never ends the shard: it becomes a failure with a reason in the commit record.

    Args:
        job: the planned job.
        shard: its number.
        tokenizer: what encodes.
        on_video: told after each video.
        decoders: videos decoded at once, ahead of the encoder.
        retry_failed: try the failed videos of a committed shard again; the codes of the others
            are taken over.
        quarantined: keys of videos not to touch: workers die on them.
    """
    out = job.config.out
    record = read_commit(out, shard) if committed(out, shard) else None
    if record is not None and not (retry_failed and record.failures):
        videos = len(record.keys)
        known = videos + len(record.failures)
        return ShardDone(shard=shard, skipped=videos, failures=record.failures, known=known)
    kept = record.keys if record is not None else ()
    failures = [
        VideoFailure(key=key, reason=WORKER_KILLED, detail="the process that encoded it died")
        for key in quarantined
    ]
    sources = [source for source in job.shards[shard] if source.key not in quarantined]
    attempted = [source for source in sources if source.key not in kept]
    encoded = encode_videos(attempted, tokenizer, job.config.recipe, decoders=decoders)
    with ShardWriter(out, shard) as writer:
        for done in fill(writer, sources, frozenset(kept), encoded):
            if done.failure is not None:
                failures.append(done.failure)
            on_video(done)
        written = writer.finish()
    commit_shard(out, shard, written, failures)
    return ShardDone(
        shard=shard,
        tokenized=len(written.keys) - len(kept),
        skipped=len(kept),
        failures=tuple(failures),
        known=len(kept) + len(quarantined),
    )


def fill(
    writer: ShardWriter,
    sources: Sequence[VideoSource],
    kept: frozenset[str],
    encoded: Iterator[EncodedVideo],
) -> Iterator[VideoDone]:
    """Write videos in the plan's order: those the shard had before, and those encoded now."""
    before = committed_videos(writer.store, writer.shard)
    for source in sources:
        if source.key in kept:
            video, codes = next(before)
            writer.add(video.key, codes, video.source)
        else:
            yield add_video(writer, source, next(encoded))


def add_video(writer: ShardWriter, source: VideoSource, video: EncodedVideo) -> VideoDone:
    """Put a video's codes into an open shard; one without codes is a failure."""
    key, failure, frames = source.key, None, 0
    if video.error is not None:
        failure = VideoFailure(key=key, reason=video.error.reason, detail=video.error.detail)
    else:
        metadata = source.read_metadata(LARGEST_METADATA)
        writer.add(key, video.codes, replace(video.source, metadata=metadata))
        frames = len(next(iter(video.codes.values())))
    return VideoDone(
        key=key,
        frames=frames,
        failure=failure,
        decode_seconds=video.decode_seconds,
        encode_seconds=video.encode_seconds,
    )
