"""The plainest of label files: lines `some/path/000.mp4 1`, relative to the videos' root."""

from collections.abc import Sequence
from pathlib import Path

from .class_names import classes_of_labels, is_number
from .listing import TRAIN, ListedVideo, Listing, numbered_lines, without_extension


def read_plain_list(path: Path, split: str = TRAIN, names: Sequence[str] | None = None) -> Listing:
    """Read a list whose lines are a path and a number, split from the right: paths may hold spaces.

    A line without a number is an unlabelled video.

    Args:
        path: the file.
        split: what the list's videos are for.
        names: the classes in label order, where they are known.

    Raises:
        TaskError: labels are missing, out of range or do not begin at 0, naming the line.
    """
    videos = []
    for where, line in numbered_lines(path):
        words = line.rsplit(maxsplit=1)
        labelled = len(words) == 2 and is_number(words[1])
        key = without_extension(words[0] if labelled else line)
        label = words[1] if labelled else None
        videos.append(ListedVideo(key=key, label=label, split=split, where=where))
    return classes_of_labels(videos, path, names)
