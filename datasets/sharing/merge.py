"""Joining several token stores into one: the union of their shards, files copied byte for byte."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..build import commit_shard, committed, create_store
from ..errors import StoreError
from ..format.access import LocalFiles
from ..format.commit import VideoFailure
from ..format.files import CHECKSUMS_FILE, TOKENIZER_FOLDER
from ..shards import open_shard
from ..shards.contents import videos_of
from ..shards.layout import ShardLayout
from ..shards.writer import ShardWriter
from ..store import TokenStore
from ..verify import tokenizer_problems
from .arrival import is_here, receive_shard, renumbered, sole_writer
from .merge_plan import MergeJob

COPIED, REWRITTEN, SKIPPED = OUTCOMES = ("copied", "rewritten", "skipped")


def run_merge(
    job: MergeJob,
    out: str | Path,
    *,
    link: bool = False,
    on_shard: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Make the union of stores; called again, it goes on where it was cut off.

    Shards keep their files, under new numbers. One that loses duplicates is written again.

    Args:
        job: What `plan_merge` returned.
        out: Folder of the store to make.
        link: Hard-link shard files where the file system can, instead of copying them.
        on_shard: Called after each shard.

    Returns:
        `videos`, `failed`, `shards` and what became of them, `copied`, `rewritten` and `skipped`
        (there before), `logical_hash`, and `duplicates` (`key`, `kept`, `dropped`, `same_codes`).

    Raises:
        StoreError: a store is damaged, or `out` holds something else.
    """
    store = Path(out)
    if store.resolve() in [folder.resolve() for folder in job.stores]:
        raise StoreError(f"{store} is one of the stores to merge: name a new folder")
    create_store(store, job.identity, job.plan, tokenizer_of(job.stores), job.identity.form)
    counts = dict.fromkeys(OUTCOMES, 0)
    with sole_writer(store):
        for number in range(len(job.parts)):
            counts[take_over(job, number, store, link=link)] += 1
            on_shard()
    summary = TokenStore.open(store).summary()
    told = {name: summary[name] for name in ("videos", "failed", "shards", "logical_hash")}
    duplicates = [duplicate.to_dict() for duplicate in job.overlap.duplicates]
    return {**told, **counts, "duplicates": duplicates}


def tokenizer_of(folders: Sequence[Path]) -> Callable[[Path], object] | None:
    """Copies the tokenizer's files of the first store that has them; None where none has.

    Raises:
        StoreError: they are damaged.
    """
    for folder in folders:
        source = folder / TOKENIZER_FOLDER
        for problem in tokenizer_problems(source):
            raise StoreError(f"{folder}: {problem}")
        if source.is_dir():
            others = shutil.ignore_patterns(CHECKSUMS_FILE)
            return lambda target: shutil.copytree(source, target, ignore=others, dirs_exist_ok=True)
    return None


def take_over(job: MergeJob, number: int, store: Path, *, link: bool) -> str:
    """Take one shard over, unless it is there; returns which of `OUTCOMES` it was."""
    part = job.parts[number]
    record = part.record
    obsolete = job.overlap.failures.get(part, frozenset())
    failures = tuple(failure for failure in record.failures if failure.key not in obsolete)
    if part in job.overlap.videos:
        if committed(store, number):
            return SKIPPED
        write_without_duplicates(job, number, store, failures)
        return REWRITTEN
    final = replace(renumbered(record, job.identity, number, job.plan.hash), failures=failures)
    if is_here(store, job.identity, final):
        return SKIPPED
    receive_shard(LocalFiles(part.store), record, store, job.identity, final, link=link)
    return COPIED


def write_without_duplicates(
    job: MergeJob, number: int, store: Path, failures: Sequence[VideoFailure]
) -> None:
    """Write a shard again without the videos that another part keeps, and commit it."""
    part = job.parts[number]
    record, dropped = part.record, job.overlap.videos[part]
    shard = open_shard(part.store, part.shard, ShardLayout.of(job.identity, record))
    with ShardWriter(store, number) as writer:
        for video, views in zip(shard.videos(), videos_of(shard), strict=True):
            if video.key not in dropped:
                writer.add(video.key, views, video.source)
        written = writer.finish()
    digests = dict(zip(record.keys, record.digests, strict=True))
    if written.digests != tuple(digests[key] for key in written.keys):
        raise StoreError(f"{part.store}: shard {part.shard:06d} is damaged: run `tokens verify`")
    commit_shard(store, number, written, failures)
