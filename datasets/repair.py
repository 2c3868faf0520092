"""Taking what is damaged out of a store, so that the same `vimpac tokenize` makes it again."""

from pathlib import Path

from .format.files import INDEX_FILE, commit_name, remove
from .format.identity import read_identity
from .shards import shard_path
from .verify import VerifyReport, index_is_current, verify


def repair(path: str | Path) -> tuple[VerifyReport, tuple[str, ...]]:
    """Verify a store and drop every shard that is damaged, and an index that is not current.

    A dropped shard is planned anew: the same tokenize command, a pull or a conversion that made
    the store writes just that one again. What belongs to no shard stays as it is; so does every
    shard while the plan is damaged or another one's.

    Returns:
        What was wrong before, and the names of the shards dropped.

    Raises:
        StoreError: the folder is no store at all.
    """
    store, report = Path(path), verify(path)
    damaged = sorted({problem.shard for problem in report.problems if problem.shard is not None})
    dropped = []
    for name in damaged:
        record, shard = store / commit_name(int(name)), int(name)
        if record.exists():
            dropped.append(name)
            remove(record)  # first: without its record a shard is no part of the store
            remove(shard_path(store, read_identity(store), shard))
    if dropped or not index_is_current(store):
        remove(store / INDEX_FILE)
    return report, tuple(dropped)
