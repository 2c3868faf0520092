"""What only a store's owner can tell of it, kept in the store as `card.json`."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

from ..errors import StoreError
from ..format.files import CARD_FIELDS_FILE, write_atomic
from ..format.parse import parse_field, parse_list, read_document


@dataclass(frozen=True, kw_only=True)
class CardFields:
    """The owner's words; empty where nothing was said.

    Attributes:
        title: Name of the data set.
        description: What it is, in a sentence or two.
        license: Under which the tokens are offered, best as an SPDX identifier.
        license_url: Where its text is.
        creators: Who made it, people or groups.
        contact: Whom to ask.
        homepage: A page about it.
        source: Where the videos come from.
        source_license: Under which terms they were used.
        citation: BibTeX of what to cite.
        published: Date, as 2026-01-31.
    """

    title: str = ""
    description: str = ""
    license: str = ""
    license_url: str = ""
    creators: tuple[str, ...] = ()
    contact: str = ""
    homepage: str = ""
    source: str = ""
    source_license: str = ""
    citation: str = ""
    published: str = ""

    def __post_init__(self) -> None:
        """Refuse a date that is none."""
        try:
            date.fromisoformat(self.published or "2000-01-01")
        except ValueError:
            raise StoreError(
                f"published should be a date as 2026-01-31, found {self.published!r}"
            ) from None

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the fields nothing was said of."""
        return tuple(name for name, value in asdict(self).items() if not value)

    @classmethod
    def from_dict(cls, document: Mapping[str, object]) -> "CardFields":
        """Read the JSON form; raises StoreError on a field that is wrong or unknown."""
        names = {field.name for field in fields(cls)}
        unknown = set(document) - names
        if unknown:
            raise StoreError(f"no field {min(unknown)!r}: there are {', '.join(sorted(names))}")
        values: dict[str, Any] = {
            name: parse_list(document, name, str)
            if name == "creators"
            else parse_field(document, name, str)
            for name in document
        }
        return cls(**values)


def read_card_fields(store: Path) -> CardFields:
    """What the owner has said of a store so far; raises StoreError on a damaged `card.json`."""
    if not (store / CARD_FIELDS_FILE).exists():
        return CardFields()
    try:
        return CardFields.from_dict(read_document(store, CARD_FIELDS_FILE))
    except StoreError as error:
        raise StoreError(f"{store / CARD_FIELDS_FILE}: {error}") from None


def write_card_fields(store: Path, card: CardFields) -> None:
    """Keep the owner's words in the store."""
    text = json.dumps(asdict(card), indent=2, ensure_ascii=False)
    write_atomic(store / CARD_FIELDS_FILE, text.encode() + b"\n")


def updated(card: CardFields, **said: Any) -> CardFields:
    """The fields with what was said now; nothing said leaves a field as it is."""
    return replace(card, **{name: value for name, value in said.items() if value})
