"""Making a store: create it, commit its shards one by one, list what failed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from .errors import StoreError
from .format.commit import CommitRecord, VideoFailure, committed_shards, read_commit, write_commit
from .format.files import (
    CHECKSUMS_FILE,
    COMMITS_FOLDER,
    IDENTITY_FILE,
    INDEX_FILE,
    PLAN_FILE,
    SHARDS_FOLDER,
    STORE_NAMES,
    TEMPORARY,
    TOKENIZER_FOLDER,
    file_sha256,
    files_below,
    remove,
    remove_dead_leftovers,
    sync_tree,
    temporary_path,
    write_atomic,
)
from .format.identity import StoreIdentity, read_identity
from .format.plan import Plan, read_plan
from .shards import open_shard, shard_of
from .shards.contents import videos_of
from .shards.form import StoredVideo
from .shards.layout import Codes, ShardLayout
from .shards.writer import WrittenShard


def create_store(
    path: str | Path,
    identity: StoreIdentity,
    plan: Plan,
    tokenizer_files: Callable[[Path], object] | None = None,
    form: str = "zarr",
) -> None:
    """Make a store, or open the one that is there to resume it.

    Several processes may call this at once with the same arguments.

    Args:
        path: The store's folder.
        identity: What it is made of.
        plan: The split of the inputs.
        tokenizer_files: Writes the tokenizer's config and weights into the folder it is given.
        form: How token shards are packed, `zarr` or `webdataset`.

    Raises:
        StoreError: the folder holds other things, or a store of another identity, plan or form.
    """
    store, identity = Path(path), replace(identity, form=form)
    if not (store / IDENTITY_FILE).exists():
        prepare_folder(store)
        if tokenizer_files is not None:
            write_tokenizer(store, tokenizer_files)
        write_new(store / PLAN_FILE, plan.to_bytes())
        write_new(store / IDENTITY_FILE, identity.to_bytes())
    check_same(store, identity, plan)
    for folder in (store, store / SHARDS_FOLDER, store / COMMITS_FOLDER):
        folder.mkdir(exist_ok=True)
        remove_dead_leftovers(folder)


def prepare_folder(store: Path) -> None:
    """Make the folder; raises StoreError when it already holds something else."""
    if store.exists() and not store.is_dir():
        raise StoreError(f"{store} is a file: name a folder for the token store")
    store.mkdir(parents=True, exist_ok=True)
    names = [path.name for path in store.iterdir()]
    others = [name for name in names if name not in STORE_NAMES and not name.startswith(TEMPORARY)]
    if others:
        raise StoreError(
            f"{store} holds other files ({min(others)}) and is not a token store: "
            "choose another folder"
        )


def write_new(path: Path, content: bytes) -> None:
    """Write a file unless it is there; of several writers, one wins."""
    if path.exists():
        return
    temporary = temporary_path(path)
    write_atomic(temporary, content)
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        pass
    except OSError:  # no hard links on this file system
        temporary.replace(path)
    remove(temporary)


def write_tokenizer(store: Path, tokenizer_files: Callable[[Path], object]) -> None:
    """Put the tokenizer's files and their checksums into the store, whole or not at all."""
    final = store / TOKENIZER_FOLDER
    if final.exists():
        return
    folder = temporary_path(final)
    folder.mkdir()
    try:
        tokenizer_files(folder)
        lines = [f"{file_sha256(path)}  {name}\n" for name, path in files_below(folder).items()]
        (folder / CHECKSUMS_FILE).write_text("".join(lines), encoding="utf-8")
        sync_tree(folder)
        folder.replace(final)
    except OSError:
        if not final.exists():  # another process made it first
            raise
    finally:
        remove(folder)


def check_same(store: Path, identity: StoreIdentity, plan: Plan) -> None:
    """Raise StoreError, telling what differs, unless a store has this identity and plan."""
    differences = read_identity(store).differences(identity)
    if differences:
        raise StoreError(
            f"{store} was made with other options ({'; '.join(differences)}): "
            "use the same options to resume, or another folder"
        )
    form = read_identity(store).form
    if form != identity.form:
        raise StoreError(
            f"{store} keeps its shards as {form}, not as {identity.form}: "
            "use the same form to resume, or another folder"
        )
    if read_plan(store).hash != plan.hash:
        raise StoreError(
            f"{store} was planned for other videos or another shard size: "
            "give the same inputs to resume, or another folder"
        )


def plan_of(store: Path) -> Plan:
    """A store's plan, read once for all shards while its file stays the same."""
    try:
        status = (store / PLAN_FILE).stat()
    except OSError:
        return read_plan(store)  # which says what is wrong
    return _read_plan_once(store, (status.st_ino, status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=1)
def _read_plan_once(store: Path, state: tuple[int, ...]) -> Plan:
    return read_plan(store)


def committed(path: str | Path, shard: int) -> bool:
    """Whether a token shard is in the store: its record is sound and its files match it."""
    store = Path(path)
    try:
        record, identity = read_commit(store, shard), read_identity(store)
        current = (record.plan, record.identity) == (plan_of(store).hash, identity.hash)
    except StoreError:
        return False
    return current and not file_problems(store, identity, record)


def committed_videos(
    path: str | Path, shard: int
) -> Iterator[tuple[StoredVideo, dict[str, Codes]]]:
    """The videos of a committed shard in stored order, each with its codes by view.

    Raises:
        StoreError: the shard is damaged.
    """
    store = Path(path)
    layout = ShardLayout.of(read_identity(store), read_commit(store, shard))
    reader = open_shard(store, shard, layout)
    yield from zip(reader.videos(), videos_of(reader), strict=True)


def file_problems(store: Path, identity: StoreIdentity, record: CommitRecord) -> list[str]:
    """What differs between a shard's files and its record, a short phrase each."""
    found = files_below(store, shard_of(identity, record.shard))
    problems = [f"{name} is not in the commit record" for name in found if name not in record.files]
    for name, file in record.files.items():
        if name not in found:
            problems.append(f"{name} is missing")
        elif found[name].stat().st_size != file.bytes:
            problems.append(f"{name} has {found[name].stat().st_size} bytes, not {file.bytes}")
        elif file_sha256(found[name]) != file.sha256:
            problems.append(f"{name} does not match its sha256")
    return problems


def commit_shard(
    path: str | Path,
    shard: int,
    written: WrittenShard,
    failures: Sequence[VideoFailure] = (),
) -> CommitRecord:
    """Make a written shard part of the store.

    Args:
        path: The store's folder.
        shard: Number of the shard in the plan.
        written: What `ShardWriter.finish` returned.
        failures: The planned videos that gave no codes.

    Raises:
        StoreError: the videos written and failed are not those planned for this shard.
    """
    store = Path(path)
    plan = plan_of(store)
    planned = {item.key for item in plan.shards[shard]}
    failed = [failure.key for failure in failures]
    if written.shard != shard or sorted([*written.keys, *failed]) != sorted(planned):
        raise StoreError(f"shard {shard:06d}: videos written and failed are not the planned ones")
    record = CommitRecord(
        shard=shard,
        plan=plan.hash,
        identity=read_identity(store).hash,
        keys=written.keys,
        frames=written.frames,
        digests=written.digests,
        failures=tuple(failures),
        files=written.files,
        grids=written.grids,
        codes_used=written.codes_used,
    )
    write_commit(store, record)
    (store / INDEX_FILE).unlink(missing_ok=True)
    return record


def failures(path: str | Path) -> list[VideoFailure]:
    """Videos of the committed shards that gave no codes, in the plan's order of shards."""
    store = Path(path)
    records = (read_commit(store, shard) for shard in committed_shards(store))
    return [failure for record in records for failure in record.failures]
