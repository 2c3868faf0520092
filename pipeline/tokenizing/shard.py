"""One shard of a tokenize job: a pure function of the job and the shard's number."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...datasets import ShardWriter, VideoFailure, commit_shard, committed, read_commit
from ...tokenizer import Tokenizer
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
    """A committed shard: what became of its videos, now or before."""

    shard: int
    tokenized: int = 0
    skipped: int = 0
    failures: tuple[VideoFailure, ...] = ()


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
        retry_failed: do a committed shard that has failures again.
        quarantined: keys of videos not to touch: workers die on them.
    """
    out, sources = job.config.out, job.shards[shard]
    if committed(out, shard):
        record = read_commit(out, shard)
        if not (retry_failed and record.failures):
            return ShardDone(shard=shard, skipped=len(record.keys), failures=record.failures)
    failures = [
        VideoFailure(key=key, reason=WORKER_KILLED, detail="the process that encoded it died")
        for key in quarantined
    ]
    attempted = [source for source in sources if source.key not in quarantined]
    with ShardWriter(out, shard) as writer:
        encoded = encode_videos(attempted, tokenizer, job.config.recipe, decoders=decoders)
        for source, video in zip(attempted, encoded, strict=True):
            done = add_video(writer, source.key, video)
            if done.failure is not None:
                failures.append(done.failure)
            on_video(done)
        written = writer.finish()
    commit_shard(out, shard, written, failures)
    return ShardDone(shard=shard, tokenized=len(written.keys), failures=tuple(failures))


def add_video(writer: ShardWriter, key: str, video: EncodedVideo) -> VideoDone:
    """Put a video's codes into an open shard; one without codes is a failure."""
    failure, frames = None, 0
    if video.error is not None:
        failure = VideoFailure(key=key, reason=video.error.reason, detail=video.error.detail)
    else:
        writer.add(key, video.codes, video.source)
        frames = len(next(iter(video.codes.values())))
    return VideoDone(
        key=key,
        frames=frames,
        failure=failure,
        decode_seconds=video.decode_seconds,
        encode_seconds=video.encode_seconds,
    )
