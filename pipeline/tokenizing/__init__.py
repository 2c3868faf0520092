"""The tokenize job: planned once, run a shard at a time by whichever engine."""

from .job import (
    ShardDone,
    TokenizeConfig,
    TokenizeJob,
    VideoDone,
    encode_frames,
    encode_video,
    plan_job,
    run_shard,
)
from .local import run_job, tokenize

__all__ = [
    "ShardDone",
    "TokenizeConfig",
    "TokenizeJob",
    "VideoDone",
    "encode_frames",
    "encode_video",
    "plan_job",
    "run_job",
    "run_shard",
    "tokenize",
]
