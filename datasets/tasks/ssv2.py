"""Something-Something V2: `labels.json`, `train.json`, `validation.json`, `test.json`.

Older releases prefix the files' names with `something-something-v2-`. Videos are `<id>.webm`.
"""

import json
from pathlib import Path

from .json_array import field, read_objects
from .listing import (
    TEST,
    TRAIN,
    VALIDATION,
    ListedVideo,
    Listing,
    TaskError,
    find_file,
    first_file,
    out_of_range,
    read_text,
)

PREFIX = "something-something-v2-"


def read_ssv2(folder: Path, split: int = 1) -> Listing:
    """Read the official files; a video's label is that of its template without brackets.

    Raises:
        TaskError: a file is missing or damaged, or a label is out of range, naming the line.
    """
    classes = read_templates(find_file(folder, "labels.json", f"{PREFIX}labels.json"))
    known = set(classes)
    videos = []
    for name in (TRAIN, VALIDATION):
        for where, entry in read_objects(find_file(folder, f"{name}.json", f"{PREFIX}{name}.json")):
            template = without_brackets(field(entry, "template", str, where))
            if template not in known:
                raise TaskError(f"{where}: labels.json has no template {template!r}")
            key = field(entry, "id", str, where)
            videos.append(ListedVideo(key=key, label=template, split=name, where=where))
    test = first_file(folder, f"{TEST}.json", f"{PREFIX}{TEST}.json")
    if test is not None:
        for where, entry in read_objects(test):
            key = field(entry, "id", str, where)
            videos.append(ListedVideo(key=key, label=None, split=TEST, where=where))
    return Listing(classes=classes, videos=tuple(videos))


def read_templates(path: Path) -> tuple[str, ...]:
    """The templates of `labels.json` in label order."""
    text = read_text(path)
    try:
        numbers = json.loads(text)
    except ValueError as error:
        raise TaskError(f"{path} is not JSON: {error}") from None
    if not isinstance(numbers, dict) or not numbers:
        raise TaskError(f"{path} should map templates to their numbers")
    templates: dict[int, str] = {}
    for template, number in numbers.items():
        where = f"{path}, line {line_of(text, template)}"
        if not (isinstance(number, int | str) and str(number).isdecimal()):
            raise TaskError(f"{where}: {number!r:.60} should be a number from 0")
        if not 0 <= int(number) < len(numbers):
            raise out_of_range(int(number), len(numbers), where)
        if int(number) in templates:
            raise TaskError(f"{where}: label {number} is also that of {templates[int(number)]!r}")
        templates[int(number)] = without_brackets(template)
    return tuple(templates[number] for number in range(len(templates)))


def without_brackets(template: str) -> str:
    """`Holding [something]` as `labels.json` has it: `Holding something`."""
    return template.replace("[", "").replace("]", "")


def line_of(text: str, name: str) -> int:
    """The line on which a JSON object's field stands."""
    spellings = (json.dumps(name), json.dumps(name, ensure_ascii=False))
    places = [text.find(spelling) for spelling in spellings if spelling in text]
    return text.count("\n", 0, min(places, default=0)) + 1
