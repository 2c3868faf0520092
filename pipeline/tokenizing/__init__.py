"""The tokenize job: planned once, run a shard at a time by whichever engine."""

from .config import RunOptions, TokenizeConfig
from .encoding import as_pixels, encode_video
from .plan import TokenizeJob, plan_job
from .recipe import Recipe
from .run import run_job, tokenize
from .shard import ShardDone, VideoDone
from .summary import write_failures

__all__ = [
    "Recipe",
    "RunOptions",
    "ShardDone",
    "TokenizeConfig",
    "TokenizeJob",
    "VideoDone",
    "as_pixels",
    "encode_video",
    "plan_job",
    "run_job",
    "tokenize",
    "write_failures",
]
