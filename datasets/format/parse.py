"""Checked reading of JSON documents: a wrong field is one clear line, never a traceback."""

import hashlib
import json
from collections.abc import Mapping
from typing import TypeVar

from ..errors import StoreError
from .access import Place, read_whole

FORMAT_VERSION = 1

T = TypeVar("T")


def read_document(place: Place, name: str) -> dict[str, object]:
    """Read the JSON object in a file of a store.

    Raises:
        StoreError: the file is missing, or is not a JSON object.
    """
    try:
        document = json.loads(read_whole(place, name))
    except (ValueError, RecursionError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{name} cannot be read as JSON: {error}") from None
    if not isinstance(document, dict):
        raise StoreError(f"{name} should hold a JSON object")
    return document


def document_sha256(document: Mapping[str, object]) -> str:
    """sha256 over a document's canonical JSON (sorted names, no spaces, ASCII), in hex."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def seal(document: Mapping[str, object]) -> dict[str, object]:
    """Add a document's own hash, so that damage shows."""
    return {**document, "document_sha256": document_sha256(document)}


def unseal(document: Mapping[str, object]) -> dict[str, object]:
    """Check a document's own hash and take it off; raises StoreError when it is damaged."""
    content = {name: value for name, value in document.items() if name != "document_sha256"}
    if document.get("document_sha256") != document_sha256(content):
        raise StoreError("it does not match its own hash: the file is damaged or was edited")
    return content


def parse_field(document: Mapping[str, object], name: str, kind: type[T]) -> T:
    """Return `document[name]` when it is of `kind`; whole numbers pass as floats.

    Raises:
        StoreError: the field is missing or of another kind.
    """
    value = document.get(name)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise StoreError(f"field {name!r} should be {kind.__name__}, found {value!r:.60}")
    return value


def parse_list(document: Mapping[str, object], name: str, kind: type[T]) -> tuple[T, ...]:
    """Return the list `document[name]` as a tuple, each member checked to be of `kind`.

    Raises:
        StoreError: the field is missing, no list, or a member is of another kind.
    """
    values = parse_field(document, name, list)
    return tuple(parse_field({name: value}, name, kind) for value in values)


def parse_version(document: Mapping[str, object]) -> None:
    """Refuse a document written in a format newer than this library reads.

    Raises:
        StoreError: `format_version` is missing or newer.
    """
    version = parse_field(document, "format_version", int)
    if version > FORMAT_VERSION:
        raise StoreError(
            f"store format {version} is newer than {FORMAT_VERSION}, the newest this vimpac reads: "
            "upgrade vimpac"
        )
