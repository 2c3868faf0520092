"""The tokenize job: planned once, run a shard at a time by whichever engine."""

from .config import RunOptions, TokenizeConfig
from .encoding import as_pixels, encode_video
from .estimate import estimate
from .plan import TokenizeJob, plan_job
from .recipe import Recipe
from .run import check_options, run_job, tokenize
from .shard import ShardDone, VideoDone
from .summary import check_failures_file, failure_fields, write_failures

__all__ = [
    "Recipe",
    "RunOptions",
    "ShardDone",
    "TokenizeConfig",
    "TokenizeJob",
    "VideoDone",
    "as_pixels",
    "check_failures_file",
    "check_options",
    "encode_video",
    "estimate",
    "failure_fields",
    "plan_job",
    "run_job",
    "tokenize",
    "write_failures",
]
