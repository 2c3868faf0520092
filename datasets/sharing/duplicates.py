"""Which videos of several stores are one and the same, by their keys, and which copy is kept."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..format.commit import CommitRecord, committed_shards, read_commit


@dataclass(frozen=True, kw_only=True)
class Part:
    """One committed shard of one of the stores."""

    store: Path
    shard: int

    @property
    def record(self) -> CommitRecord:
        """Its commit record, read anew."""
        return read_commit(self.store, self.shard)


@dataclass(frozen=True, kw_only=True)
class Duplicate:
    """A video that a store has again.

    Attributes:
        key: Its name.
        kept: The store whose copy is kept: the first that has codes of it.
        dropped: The store whose copy is not.
        same_codes: Whether the two have equal codes.
    """

    key: str
    kept: Path
    dropped: Path
    same_codes: bool

    def to_dict(self) -> dict[str, object]:
        """The JSON form."""
        return vars(self) | {"kept": str(self.kept), "dropped": str(self.dropped)}


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """What several stores have in common.

    Attributes:
        videos: For each part that has any, the keys of its codes to drop.
        failures: For each part that has any, the keys of its failures to drop.
        duplicates: The dropped codes, in the order of their parts.
    """

    videos: Mapping[Part, frozenset[str]]
    failures: Mapping[Part, frozenset[str]]
    duplicates: tuple[Duplicate, ...]

    def dropped(self, part: Part) -> frozenset[str]:
        """Keys of a part that are no longer planned."""
        return self.videos.get(part, frozenset()) | self.failures.get(part, frozenset())


def parts_of(stores: Sequence[Path]) -> list[Part]:
    """The committed shards of all stores, in order."""
    return [Part(store=store, shard=shard) for store in stores for shard in committed_shards(store)]


def find_overlap(parts: Sequence[Part]) -> Overlap:
    """Find the keys that several parts have.

    The first codes of a key are kept; a failure only where no part has codes or failed before.
    """
    owners: dict[str, Part] = {}
    failed: dict[str, list[Part]] = defaultdict(list)
    again: dict[Part, set[str]] = defaultdict(set)
    for part in parts:
        record = part.record
        for key in record.keys:
            if owners.setdefault(key, part) is not part:
                again[part].add(key)
        for failure in record.failures:
            failed[failure.key].append(part)
    obsolete: dict[Part, set[str]] = defaultdict(set)
    for key, places in failed.items():
        for part in places if key in owners else places[1:]:
            obsolete[part].add(key)
    return Overlap(
        videos={part: frozenset(keys) for part, keys in again.items()},
        failures={part: frozenset(keys) for part, keys in obsolete.items()},
        duplicates=tuple(compare(again, owners)),
    )


def compare(again: Mapping[Part, set[str]], owners: Mapping[str, Part]) -> Iterator[Duplicate]:
    """Every dropped video beside the kept one."""
    kept: dict[str, str] = {}
    for part in {owners[key]: None for keys in again.values() for key in keys}:
        record = part.record
        kept.update(zip(record.keys, record.digests, strict=True))
    for part, keys in again.items():
        record = part.record
        for key, digest in zip(record.keys, record.digests, strict=True):
            if key in keys:
                yield Duplicate(
                    key=key,
                    kept=owners[key].store,
                    dropped=part.store,
                    same_codes=kept[key] == digest,
                )
