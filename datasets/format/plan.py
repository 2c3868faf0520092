"""The fixed split of inputs into token shards, decided once and named by its hash."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..errors import StoreError
from .access import Place, open_files
from .files import PLAN_FILE
from .parse import FORMAT_VERSION, parse_list, parse_version, read_document


@dataclass(frozen=True, kw_only=True)
class PlanItem:
    """One video to tokenize.

    Attributes:
        key: Its name in the store, unique there.
        source: Where it is read from, relative to the inputs' root where possible, so that a
            shared store tells nothing of the machine that made it.
    """

    key: str
    source: str


@dataclass(frozen=True)
class Plan:
    """The ordered inputs, split into token shards.

    Attributes:
        shards: The videos of each token shard, in the order they are stored.
    """

    shards: tuple[tuple[PlanItem, ...], ...]

    def __post_init__(self) -> None:
        """Refuse keys that are empty, not text, or given twice."""
        seen: set[str] = set()
        for item in self.items:
            if not item.key or not is_text(item.key) or not is_text(item.source):
                raise StoreError(f"video {item.source!r} needs a key and a source in valid UTF-8")
            if item.key in seen:
                raise StoreError(f"key {item.key!r} is given to two videos: keys must be unique")
            seen.add(item.key)

    @property
    def items(self) -> list[PlanItem]:
        """All videos, in order."""
        return [item for shard in self.shards for item in shard]

    def to_bytes(self) -> bytes:
        """The exact content of `plan.json`."""
        shards = [[written_item(item) for item in shard] for shard in self.shards]
        document = {"format_version": FORMAT_VERSION, "shards": shards}
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    @cached_property
    def hash(self) -> str:
        """sha256 of `plan.json`, in hex."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @classmethod
    def from_dict(cls, document: Mapping[str, object]) -> "Plan":
        """Read the content of `plan.json`; raises StoreError on a wrong field."""
        parse_version(document)
        shards = parse_list(document, "shards", list)
        return cls(tuple(tuple(parse_item(pair) for pair in shard) for shard in shards))


def is_text(value: str) -> bool:
    """Whether a string is valid Unicode (names of files need not be)."""
    return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)


def written_item(item: PlanItem) -> list[str]:
    """`[key, ending]` where the source is the key and an ending, `[key, "", source]` elsewhere."""
    if item.source.startswith(item.key):
        return [item.key, item.source[len(item.key) :]]
    return [item.key, "", item.source]


def parse_item(written: object) -> PlanItem:
    """Read one video (see `written_item`)."""
    match written:
        case [str(key), str(ending)]:
            return PlanItem(key=key, source=key + ending)
        case [str(key), "", str(source)]:
            return PlanItem(key=key, source=source)
    raise StoreError(f"a plan lists [key, ending] of videos, found {written!r:.60}")


def make_plan(items: Sequence[PlanItem], videos_per_shard: int) -> Plan:
    """Split videos into token shards, in the order given.

    Raises:
        StoreError: no videos, a key given twice, or `videos_per_shard` below 1.
    """
    if videos_per_shard < 1:
        raise StoreError(f"videos_per_shard should be at least 1, found {videos_per_shard}")
    if not items:
        raise StoreError("no videos to plan for")
    starts = range(0, len(items), videos_per_shard)
    return Plan(tuple(tuple(items[start : start + videos_per_shard]) for start in starts))


def read_plan(store: Place) -> Plan:
    """Read a store's plan; raises StoreError when it is missing or damaged."""
    try:
        return Plan.from_dict(read_document(store, PLAN_FILE))
    except StoreError as error:
        raise StoreError(f"{open_files(store).location}: {PLAN_FILE}: {error}") from None
