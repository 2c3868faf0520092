"""The token store: write it, read it, verify it, and draw clips from it."""

from .build import commit_shard, committed, committed_videos, create_store, failures
from .convert import convert
from .entropy import measure_entropy
from .errors import NO_VIDEOS, StoreError
from .format.commit import CommitRecord, VideoFailure, read_commit
from .format.identity import StoreIdentity, TokenizerIdentity, read_identity
from .format.plan import Plan, PlanItem, make_plan, read_plan
from .format.views import CROPS, FULL, VIEW_SETS, View, paper_views, parse_view
from .importing import ImportJob, open_source, plan_import, run_import, stated_fingerprint
from .loading.clips import ClipBatch, DrawnClips, RandomClips
from .loading.evaluation_clips import (
    EvaluationClips,
    EvaluationSample,
    evenly_spaced_clips,
    stored_view,
)
from .loading.loader import ClipLoader, evaluation_loader
from .loading.sampling import (
    SPECIAL_TOKENS,
    clip_span,
    epoch_order,
    evenly_spaced_starts,
    mask_token,
    pad_token,
    take_clip,
)
from .loading.selection import select_videos
from .repair import repair
from .shards.form import LARGEST_METADATA, SourceInfo
from .shards.writer import ShardWriter, WrittenShard
from .sharing import CardFields, MergeJob, Pull, Push, plan_merge, run_merge, write_card
from .store import TokenStore
from .tasks import (
    TASKS,
    TRAIN,
    VALIDATION,
    LabelledSplit,
    LabelSource,
    Task,
    TaskError,
)
from .verify import Problem, VerifyReport, verify

__all__ = [
    "CROPS",
    "FULL",
    "LARGEST_METADATA",
    "NO_VIDEOS",
    "SPECIAL_TOKENS",
    "TASKS",
    "TRAIN",
    "VALIDATION",
    "VIEW_SETS",
    "CardFields",
    "ClipBatch",
    "ClipLoader",
    "CommitRecord",
    "DrawnClips",
    "EvaluationClips",
    "EvaluationSample",
    "ImportJob",
    "LabelSource",
    "LabelledSplit",
    "MergeJob",
    "Plan",
    "PlanItem",
    "Problem",
    "Pull",
    "Push",
    "RandomClips",
    "ShardWriter",
    "SourceInfo",
    "StoreError",
    "StoreIdentity",
    "Task",
    "TaskError",
    "TokenStore",
    "TokenizerIdentity",
    "VerifyReport",
    "VideoFailure",
    "View",
    "WrittenShard",
    "clip_span",
    "commit_shard",
    "committed",
    "committed_videos",
    "convert",
    "create_store",
    "epoch_order",
    "evaluation_loader",
    "evenly_spaced_clips",
    "evenly_spaced_starts",
    "failures",
    "make_plan",
    "mask_token",
    "measure_entropy",
    "open_source",
    "pad_token",
    "paper_views",
    "parse_view",
    "plan_import",
    "plan_merge",
    "read_commit",
    "read_identity",
    "read_plan",
    "repair",
    "run_import",
    "run_merge",
    "select_videos",
    "stated_fingerprint",
    "stored_view",
    "take_clip",
    "verify",
    "write_card",
]
