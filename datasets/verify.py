"""Checking a store against what it says of itself, and naming each shard at fault."""

from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from .build import file_problems
from .errors import StoreError
from .format.commit import CommitRecord, committed_shards, read_commit
from .format.files import (
    CHECKSUMS_FILE,
    IDENTITY_FILE,
    INDEX_FILE,
    PLAN_FILE,
    TOKENIZER_FOLDER,
    commit_name,
    file_sha256,
    files_below,
)
from .format.identity import StoreIdentity, read_identity
from .format.index import StoreIndex, build_index, read_index
from .format.plan import Plan, read_plan
from .shards import open_shard
from .shards.contents import read_digests
from .shards.layout import ShardLayout


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        shard: Name of the token shard (`000123`), or None for what belongs to no shard.
        what: What is wrong with it.
    """

    shard: str | None
    what: str


@dataclass(frozen=True)
class VerifyReport:
    """What `verify` found."""

    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def to_dict(self) -> dict[str, object]:
        """The JSON form."""
        return {"ok": self.ok, "problems": [asdict(problem) for problem in self.problems]}


def verify(path: str | Path) -> VerifyReport:
    """Check every file's size and hash, every count, every code, the plan and the index.

    Where no commit record was made for the identity or the plan that is there, that file is at
    fault: shards are not looked at until the right one is back.

    Raises:
        StoreError: the folder is no store at all.
    """
    store = Path(path)
    if not (store / IDENTITY_FILE).exists():
        raise StoreError(f"{store} is not a token store (no {IDENTITY_FILE} there)")
    try:
        identity, plan = read_identity(store), read_plan(store)
    except StoreError as error:
        return VerifyReport((Problem(shard=None, what=str(error)),))
    problems = [Problem(shard=None, what=what) for what in store_problems(store)]
    foreign = files_of_another_store(store, identity, plan)
    if foreign:
        problems += [
            Problem(shard=None, what=f"{name} is not the one its shards were made for: put it back")
            for name in foreign
        ]
        return VerifyReport(tuple(problems))
    for shard in sorted({*range(len(plan.shards)), *committed_shards(store)}):
        found = shard_problems(store, identity, plan, shard)
        problems += [Problem(shard=f"{shard:06d}", what=what) for what in found]
    return VerifyReport(tuple(problems))


def files_of_another_store(store: Path, identity: StoreIdentity, plan: Plan) -> list[str]:
    """Which of identity and plan no usable commit record, of those there are, was made for."""
    hashes = {IDENTITY_FILE: identity.hash, PLAN_FILE: plan.hash}
    made_for: dict[str, set[str]] = {name: set() for name in hashes}
    for shard in committed_shards(store):
        with suppress(StoreError):  # a damaged record is reported with its shard
            record = read_commit(store, shard)
            made_for[IDENTITY_FILE].add(record.identity)
            made_for[PLAN_FILE].add(record.plan)
    return [name for name, found in made_for.items() if found and hashes[name] not in found]


def store_problems(store: Path) -> list[str]:
    """What is wrong with the index and the tokenizer's files."""
    problems = tokenizer_problems(store / TOKENIZER_FOLDER)
    if (store / INDEX_FILE).exists() and not index_is_current(store):
        problems.append(f"{INDEX_FILE} is stale or damaged: remove it, it is built again")
    return problems


def index_is_current(store: Path) -> bool:
    """Whether the index says what the commit records say."""
    try:
        fresh, stored = build_index(store), read_index(store)
    except StoreError:  # a damaged record is reported with its shard
        return True
    return stored is not None and same_index(stored, fresh)


def same_index(one: StoreIndex, other: StoreIndex) -> bool:
    """Whether two indexes are equal, vector by vector."""
    vectors = other.vectors()
    return all(np.array_equal(value, vectors[name]) for name, value in one.vectors().items())


def tokenizer_problems(folder: Path) -> list[str]:
    """What differs between the tokenizer's files and their checksums."""
    if not folder.exists():
        return []
    found = {name: file_sha256(path) for name, path in files_below(folder).items()}
    if found.pop(CHECKSUMS_FILE, None) is None:
        return [f"{TOKENIZER_FOLDER}/{CHECKSUMS_FILE} is missing"]
    lines = (folder / CHECKSUMS_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    listed = {name: sha256 for sha256, _, name in (line.partition("  ") for line in lines)}
    wrong = {name for name in {*found, *listed} if found.get(name) != listed.get(name)}
    return [f"{TOKENIZER_FOLDER}/{name} does not match its sha256" for name in sorted(wrong)]


def shard_problems(store: Path, identity: StoreIdentity, plan: Plan, shard: int) -> list[str]:
    """What is wrong with one token shard, a phrase each."""
    if not (store / commit_name(shard)).exists():
        return ["not committed yet: resume `vimpac tokenize`"]
    try:
        record = read_commit(store, shard)
    except StoreError as error:
        return [str(error)]
    problems = record_problems(record, identity, plan)
    problems += file_problems(store, identity, record)
    return problems or content_problems(store, identity, record)


def record_problems(record: CommitRecord, identity: StoreIdentity, plan: Plan) -> list[str]:
    """What differs between a commit record and the store it is in."""
    problems = []
    if record.identity != identity.hash:
        problems.append("made with other options than vimpac.json tells")
    if record.plan != plan.hash:
        problems.append("made for another plan than plan.json")
        return problems
    if record.shard >= len(plan.shards):
        return [*problems, "the plan has no such shard"]
    planned = sorted(item.key for item in plan.shards[record.shard])
    if planned != sorted([*record.keys, *(failure.key for failure in record.failures)]):
        problems.append("its videos are not the planned ones")
    return problems


def content_problems(store: Path, identity: StoreIdentity, record: CommitRecord) -> list[str]:
    """What differs between the content of a shard and its record."""
    try:
        shard = open_shard(store, record.shard, ShardLayout.of(identity, record))
        stored, digests = shard.videos(), read_digests(shard)
    except StoreError as error:
        return [str(error)]
    problems = []
    grids = record.grids or (None,) * len(record.keys)
    if [(video.key, video.frames, video.grid) for video in stored] != list(
        zip(record.keys, record.frames, grids, strict=True)
    ):
        problems.append("its list of videos differs from its commit record")
    if tuple(digests) != record.digests:
        problems.append("its codes do not match their logical hashes")
    return problems
