"""Planning the union of several token stores: whether they fit together, which shards it has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import StoreError
from ..format.commit import committed_shards
from ..format.identity import StoreIdentity, read_identity
from ..format.plan import Plan, PlanItem, read_plan
from ..verify import record_problems
from .duplicates import Overlap, Part, find_overlap

SAME, FIRST, REFUSE = DUPLICATES = ("same", "first", "refuse")
"""What becomes of a video that several stores have. `same`: the first copy is kept where all have
equal codes, anything else is refused; `first`: the first copy is kept; `refuse`: refused."""


@dataclass(frozen=True, kw_only=True)
class MergeJob:
    """A planned merge.

    Attributes:
        stores: The stores to join.
        identity: What all of them are made of.
        parts: The shards to take over, in order.
        overlap: What the stores have in common.
        plan: The plan of the store to make, a shard for each part.
    """

    stores: tuple[Path, ...]
    identity: StoreIdentity
    parts: tuple[Part, ...]
    overlap: Overlap
    plan: Plan


def plan_merge(
    stores: Sequence[str | Path], *, duplicates: str = SAME, partial: bool = False
) -> MergeJob:
    """Check that stores fit together and plan their union; writes nothing.

    Args:
        stores: Folders of the stores, two or more.
        duplicates: What to do with videos that several stores have (see `DUPLICATES`).
        partial: Take what is committed of stores that are not finished.

    Raises:
        StoreError: they differ in identity or form, one is unfinished or damaged, or they have
            duplicates that are refused.
    """
    folders = distinct(stores)
    identity = common_identity(folders)
    planned = {
        part: items
        for folder in folders
        for part, items in planned_parts(folder, identity, partial=partial).items()
    }
    overlap = find_overlap(list(planned))
    check_duplicates(overlap, duplicates)
    kept = {}
    for part, items in planned.items():
        dropped = overlap.dropped(part)
        left = tuple(item for item in items if item.key not in dropped)
        if left:
            kept[part] = left
    return MergeJob(
        stores=folders,
        identity=identity,
        parts=tuple(kept),
        overlap=overlap,
        plan=Plan(tuple(kept.values())),
    )


def distinct(stores: Sequence[str | Path]) -> tuple[Path, ...]:
    """The stores' folders; raises StoreError unless there are two or more, all different."""
    folders = tuple(Path(store).absolute() for store in stores)
    places = [folder.resolve() for folder in folders]
    if len(places) < 2:
        raise StoreError("merging takes two token stores or more")
    for place in places:
        if places.count(place) > 1:
            raise StoreError(f"{place} is given twice")
    return folders


def common_identity(folders: Sequence[Path]) -> StoreIdentity:
    """What all stores are made of; raises StoreError, telling what differs, where they differ."""
    first, *others = [read_identity(folder) for folder in folders]
    for folder, other in zip(folders[1:], others, strict=True):
        differences = first.differences(other)
        if differences:
            raise StoreError(
                f"{folder} does not fit {folders[0]} ({'; '.join(differences)}): "
                "only stores of one tokenizer and equal options can be merged"
            )
        if first.form != other.form:
            raise StoreError(
                f"{folder} keeps its shards as {other.form}, {folders[0]} as {first.form}: "
                "bring one into the other's form with `vimpac tokens convert`"
            )
    return first


def planned_parts(
    folder: Path, identity: StoreIdentity, *, partial: bool
) -> Mapping[Part, tuple[PlanItem, ...]]:
    """The committed shards of a store with their planned videos.

    Raises:
        StoreError: a record does not belong to its store, or shards are missing: with `partial`,
            all of them.
    """
    plan, shards = read_plan(folder), committed_shards(folder)
    if len(shards) < (1 if partial else len(plan.shards)):
        raise StoreError(
            f"{folder} has {len(shards)} of {len(plan.shards)} shards: finish it first, "
            "or take what is there with --partial"
        )
    planned = {}
    for shard in shards:
        part = Part(store=folder, shard=shard)
        for problem in record_problems(part.record, identity, plan):
            raise StoreError(f"{folder}: shard {shard:06d}: {problem}")
        planned[part] = plan.shards[shard]
    return planned


def check_duplicates(overlap: Overlap, duplicates: str) -> None:
    """Raise StoreError where there are duplicates that are not allowed."""
    if duplicates not in DUPLICATES:
        raise StoreError(f"duplicates should be {', '.join(DUPLICATES)}, found {duplicates!r}")
    refused = [
        duplicate
        for duplicate in overlap.duplicates
        if duplicates == REFUSE or (duplicates == SAME and not duplicate.same_codes)
    ]
    if refused:
        first = min(refused, key=lambda duplicate: duplicate.same_codes)
        codes = "equal" if first.same_codes else "other"
        raise StoreError(
            f"{len(refused)} videos are in several stores, such as {first.key!r} in {first.kept} "
            f"and, with {codes} codes, in {first.dropped}: to keep the first store's copies, "
            f"use --duplicates {SAME if first.same_codes else FIRST}"
        )
