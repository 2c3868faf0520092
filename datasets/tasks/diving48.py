"""Diving48 V2: `Diving48_vocab.json`, `Diving48_V2_train.json`, `Diving48_V2_test.json`.

The test file is the validation split. Videos are `<vid_name>.mp4`; names can begin with `-`.
"""

from pathlib import Path

from .json_array import field, read_array, read_objects
from .listing import TRAIN, VALIDATION, ListedVideo, Listing, TaskError, class_at, find_file

FILES = {TRAIN: "Diving48_V2_train.json", VALIDATION: "Diving48_V2_test.json"}


def read_diving48(folder: Path, split: int = 1) -> Listing:
    """Read the official files; a label is a place in the vocabulary.

    Raises:
        TaskError: a file is missing or damaged, or a label is out of range, naming the line.
    """
    classes = read_dives(find_file(folder, "Diving48_vocab.json"))
    videos = []
    for name, file in FILES.items():
        for where, entry in read_objects(find_file(folder, file)):
            label = class_at(classes, field(entry, "label", int, where), where)
            key = field(entry, "vid_name", str, where)
            videos.append(ListedVideo(key=key, label=label, split=name, where=where))
    return Listing(classes=classes, videos=tuple(videos))


def read_dives(path: Path) -> tuple[str, ...]:
    """The dives, each named by its take-off, somersaults, twists and position."""
    names = []
    for where, words in read_array(path):
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise TaskError(f"{where}: should be a list of words, found {words!r:.60}")
        names.append(", ".join(words))
    return tuple(names)
