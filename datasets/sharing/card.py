"""A store's card: README.md for people and the Hugging Face hub, croissant.json for machines."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from ..errors import StoreError
from ..format.files import CARD_FILE, CROISSANT_FILE, write_atomic
from ..store import TokenStore
from .card_fields import CardFields, read_card_fields, updated, write_card_fields
from .card_text import MARK, card_text
from .croissant import croissant


def write_card(path: str | Path, **said: Any) -> CardFields:
    """Write a store's README.md and croissant.json, and keep what its owner says in card.json.

    Args:
        path: The store's folder.
        said: Fields of `CardFields` to set now; others stay as they were.

    Returns:
        What the owner has said by now; some fields may still be empty.

    Raises:
        StoreError: there is no store, card.json is damaged, or README.md is somebody else's.
    """
    store = Path(path)
    summary = TokenStore.open(store).summary()
    card = updated(read_card_fields(store), **said)
    card = replace(card, published=card.published or date.today().isoformat())
    readme = store / CARD_FILE
    if readme.exists() and MARK not in readme.read_text(encoding="utf-8", errors="replace"):
        raise StoreError(f"{readme} was not written by this command: move it away first")
    write_card_fields(store, card)
    filled = replace(
        card,
        title=card.title or store.absolute().name,
        description=card.description or describe(summary),
    )
    document = json.dumps(croissant(store, filled, summary), indent=2, ensure_ascii=False)
    write_atomic(store / CROISSANT_FILE, document.encode() + b"\n")
    write_atomic(readme, card_text(filled, summary).encode())
    return card


def describe(summary: Mapping[str, Any]) -> str:
    """A sentence for a store whose owner gave none."""
    return (
        f"Discrete tokens of {summary['videos']:,} videos at {summary['fps']:g} frames a second: "
        f"{summary['tokens']:,} codes of a vocabulary of {summary['vocabulary']:,}, made by the "
        f"tokenizer {summary['tokenizer']['name']!r} for training video models."
    )
