"""JSON label files, read so that a mistake can be told by its line."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .listing import TaskError, read_text

SPACE = " \t\r\n"


def read_objects(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects of an array, each with the line it begins on and its number.

    Raises:
        TaskError: the file is no JSON array of objects, naming the line.
    """
    for where, value in read_array(path):
        if not isinstance(value, dict):
            raise TaskError(f"{where}: should be an object, found {value!r:.60}")
        yield where, value


def read_array(path: Path) -> Iterator[tuple[str, Any]]:
    """The values of an array, each with the line it begins on and its number."""
    text, decode = read_text(path), json.JSONDecoder().raw_decode
    place, line = _skip(text, 0), 1
    if text[place : place + 1] != "[":
        raise TaskError(f"{path} should hold a JSON array")
    seen, number = 0, 0
    place = _skip(text, place + 1)
    while text[place : place + 1] != "]":
        line += text.count("\n", seen, place)
        seen, number = place, number + 1
        where = f"{path}, line {line} (entry {number})"
        try:
            value, place = decode(text, place)
        except (ValueError, RecursionError) as error:
            raise TaskError(f"{where}: not JSON: {error}") from None
        yield where, value
        place = _skip(text, place)
        if text[place : place + 1] == ",":
            place = _skip(text, place + 1)
        elif text[place : place + 1] != "]":
            raise TaskError(f"{where}: not followed by a comma or the end of the array")


def _skip(text: str, place: int) -> int:
    """The next place that is no white space."""
    while place < len(text) and text[place] in SPACE:
        place += 1
    return place


def field(entry: Mapping[str, Any], name: str, kind: type, where: str) -> Any:
    """A field of an entry; raises TaskError naming the line where it is missing or of another kind.

    True and false are no numbers.
    """
    value = entry.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TaskError(f"{where}: {name!r} should be {kind.__name__}, found {value!r:.60}")
    return value
