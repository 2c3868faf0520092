"""A store's shards packed in the other form: the same videos, plan, commits and logical hash."""

import shutil
from collections.abc import Callable
from pathlib import Path

from .build import commit_shard, committed, create_store
from .errors import StoreError
from .format.commit import CommitRecord, read_commit
from .format.files import CHECKSUMS_FILE
from .format.index import load_index
from .format.plan import read_plan
from .shards.contents import videos_of
from .shards.writer import ShardWriter
from .store import TokenStore
from .verify import tokenizer_problems


def convert(
    source: str | Path,
    out: str | Path,
    form: str,
    on_shard: Callable[[int, int], object] = lambda done, shards: None,
) -> TokenStore:
    """Pack the committed shards of a store in another form; the same call again goes on.

    Args:
        source: A store's folder or URL.
        out: The folder of the store to make.
        form: `zarr` or `webdataset`.
        on_shard: Told how many shards are done, of how many.

    Raises:
        StoreError: no store at `source`, another one at `out`, a damaged tokenizer, or a shard
            that does not hold what its commit record says.
    """
    store, target = TokenStore.open(source), Path(out)
    tokenizer = store.tokenizer_folder
    for problem in tokenizer_problems(tokenizer):
        raise StoreError(f"{store.path}: {problem}")

    def tokenizer_files(folder: Path) -> None:
        ignored = shutil.ignore_patterns(CHECKSUMS_FILE)
        shutil.copytree(tokenizer, folder, dirs_exist_ok=True, ignore=ignored)

    travels = tokenizer_files if tokenizer.is_dir() else None
    create_store(target, store.identity, read_plan(store.files), travels, form)
    for place, shard in enumerate(store.index.shards.tolist()):
        record = read_commit(store.files, shard)
        if not is_converted(record, target):
            convert_shard(store, place, record, target)
        on_shard(place + 1, len(store.index.shards))
    load_index(target)
    return TokenStore.open(target)


def is_converted(record: CommitRecord, target: Path) -> bool:
    """Whether the target has a shard, whole and with what its record at the source says."""
    if not committed(target, record.shard):
        return False
    made = read_commit(target, record.shard)
    return (made.keys, made.digests, made.failures) == (
        record.keys,
        record.digests,
        record.failures,
    )


def convert_shard(store: TokenStore, place: int, record: CommitRecord, target: Path) -> None:
    """Pack one shard; raises StoreError unless its codes are those of its commit record."""
    shard = store.shard(place)
    with ShardWriter(target, record.shard) as writer:
        for video, views in zip(shard.videos(), videos_of(shard), strict=True):
            writer.add(video.key, views, video.source)
        written = writer.finish()
        if (written.keys, written.digests) != (record.keys, record.digests):
            raise StoreError(
                f"shard {record.shard:06d} of {store.path} does not hold what its commit record "
                "says: run `vimpac tokens verify`"
            )
        commit_shard(target, record.shard, written, record.failures)
