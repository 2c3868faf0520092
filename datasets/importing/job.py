"""Bringing codes made elsewhere into a token store, a shard at a time; labels go beside it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..build import commit_shard, committed, create_store, failures
from ..errors import StoreError
from ..format.commit import VideoFailure
from ..format.files import temporary_path
from ..format.identity import Grid, StoreIdentity
from ..format.parse import document_sha256
from ..format.plan import Plan, PlanItem, make_plan
from ..shards.form import SourceInfo
from ..shards.writer import ShardWriter
from ..store import TokenStore
from .sources import CodeSource

VIDEOS_PER_SHARD = 2048
LISTED_AS = ".mp4"
"""Lists of labels name files; what reads them takes an extension off to get a key."""


def stated_fingerprint(name: str, vocabulary: int, compression: int) -> str:
    """Stands for the fingerprint of a tokenizer that is not at hand.

    Equal for equal statements, so that their stores merge, and never that of real weights.
    """
    statement = {"name": name, "vocabulary": vocabulary, "compression": compression}
    return f"stated:{document_sha256(statement)}"


@dataclass(frozen=True, kw_only=True)
class ImportJob:
    """A planned import.

    Attributes:
        sources: Where the codes of each view lie.
        identity: What the owner states the codes were made by.
        plan: The videos, those of the first view's source, split into token shards.
    """

    sources: Mapping[str, CodeSource]
    identity: StoreIdentity
    plan: Plan

    @property
    def first(self) -> CodeSource:
        """The source of the first view, whose keys and labels count."""
        return self.sources[self.identity.views[0]]


def plan_import(
    sources: Mapping[str, CodeSource],
    identity: StoreIdentity,
    videos_per_shard: int = VIDEOS_PER_SHARD,
) -> ImportJob:
    """Find the videos and split them into token shards; writes nothing.

    They are planned in the order of their keys' hashes, so that each shard is a fair sample.

    Raises:
        StoreError: there are no videos, or a view has no source.
    """
    if set(sources) != set(identity.views):
        raise StoreError(f"views {list(identity.views)} need a source each, found {list(sources)}")
    first = sources[identity.views[0]]
    keys = sorted(first.keys(), key=lambda key: sha256(key.encode()).digest())
    items = [PlanItem(key=key, source=f"{first.path.name}:{key}") for key in keys]
    return ImportJob(sources=sources, identity=identity, plan=make_plan(items, videos_per_shard))


def run_import(
    job: ImportJob,
    out: str | Path,
    *,
    labels: Path | None = None,
    tokenizer_files: Callable[[Path], object] | None = None,
    on_shard: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Make the token store; called again, it goes on where it was cut off.

    Codes are `(T, h, w)`, or `(T, h * w)`, of any integer type. A video whose codes cannot be
    read or do not fit the store becomes a failure in its commit record.

    Args:
        job: What `plan_import` returned.
        out: The store's folder.
        labels: The list of labels to write where the first source has any, `key.mp4 label` a
            line; none writes no list. Labels never go into the store.
        tokenizer_files: Writes the tokenizer itself into the folder it is given.
        on_shard: Called after each shard.

    Returns:
        `videos` found, `imported` of them, `failed`, `failures`, and `labels` written.

    Raises:
        StoreError: no video could be imported, or `out` holds something else.
    """
    store = Path(out)
    create_store(store, job.identity, job.plan, tokenizer_files, job.identity.form)
    for shard in range(len(job.plan.shards)):
        if not committed(store, shard):
            import_shard(job, store, shard)
        on_shard()
    failed, videos = failures(store), len(job.plan.items)
    if len(failed) == videos:
        raise StoreError(
            f"none of the {videos} videos could be imported: {failed[0].key}: {failed[0].detail}"
        )
    return {
        "videos": videos,
        "imported": videos - len(failed),
        "failed": len(failed),
        "failures": [vars(failure) for failure in failed],
        "labels": 0 if labels is None else write_labels(store, job.first, labels),
    }


def import_shard(job: ImportJob, store: Path, shard: int) -> None:
    """Import and commit one token shard."""
    failed = []
    with ShardWriter(store, shard) as writer:
        for item in job.plan.shards[shard]:
            try:
                views = {
                    view: on_grid(source.codes(item.key), job.identity.stored_grid(view))
                    for view, source in job.sources.items()
                }
                writer.add(item.key, views, SourceInfo())
            except (StoreError, OSError) as error:
                failed.append(VideoFailure(key=item.key, reason="unusable", detail=str(error)))
        written = writer.finish()
    commit_shard(store, shard, written, failed)


def on_grid(codes: NDArray[np.integer], grid: Grid | None) -> NDArray[np.integer]:
    """Codes of flattened frames `(T, h * w)` as `(T, h, w)`; others as they are."""
    if grid is not None and codes.ndim == 2 and codes.shape[1] == grid[0] * grid[1]:
        return codes.reshape(-1, *grid)
    return codes


def write_labels(store: Path, source: CodeSource, path: Path) -> int:
    """Write the plain list of the stored videos' labels; returns how many there are."""
    count, temporary = 0, temporary_path(path)
    try:
        with temporary.open("w", encoding="utf-8") as file:
            for key in TokenStore.open(store).keys:
                label = source.label(key)
                if label is not None:
                    file.write(f"{key}{LISTED_AS} {label}\n")
                    count += 1
        if count:
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return count
