"""The classes of one's own labels: named as they are, or numbered from 0."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .listing import (
    TRAIN,
    ListedVideo,
    Listing,
    TaskError,
    class_at,
    numbered_lines,
    sorted_classes,
    whole_number,
)


def classes_of_labels(
    videos: Sequence[ListedVideo], path: Path, names: Sequence[str] | None = None
) -> Listing:
    """Tell the classes from the labels of videos that were read from one file.

    Labels that are names make the classes, sorted. Where all labels are numbers they count from
    0, into `names` where names are given.

    Args:
        videos: as read; a label may be missing outside the training split.
        path: the file, for messages.
        names: the classes in label order, where they are known.

    Raises:
        TaskError: labels are missing, out of range, or do not begin at 0, naming the line.
    """
    labelled = [video for video in videos if video.label is not None]
    if not labelled:
        raise TaskError(f"{path} has no labels: a line should be `some/path/video.mp4 LABEL`")
    for video in videos:
        if video.label is None and video.split == TRAIN:
            raise TaskError(f"{video.where}: has no label, though other lines do")
    if all(is_number(video.label) for video in labelled):
        return with_numbers(videos, labelled, names)
    classes = sorted_classes(labelled) if names is None else tuple(names)
    return Listing(classes=classes, videos=tuple(videos))


def with_numbers(
    videos: Sequence[ListedVideo], labelled: Sequence[ListedVideo], names: Sequence[str] | None
) -> Listing:
    """Turn numbers into names; without names a class is called by its number."""
    numbers = [whole_number(str(video.label), video.where) for video in labelled]
    if names is None:
        refuse_gaps(numbers, labelled)
        names = [str(number) for number in range(max(numbers) + 1)]
    return Listing(
        classes=tuple(names),
        videos=tuple(
            video
            if video.label is None
            else replace(video, label=class_at(names, int(video.label), video.where))
            for video in videos
        ),
    )


def refuse_gaps(numbers: Sequence[int], labelled: Sequence[ListedVideo]) -> None:
    """Raise TaskError where numbers do not begin at 0 or leave one out, naming a line."""
    for number, following in zip([-1, *sorted(set(numbers))], sorted(set(numbers)), strict=False):
        if following != number + 1:
            raise TaskError(
                f"{labelled[numbers.index(following)].where}: label {following}, but no video has "
                f"label {number + 1}: labels count from 0 without gaps, or name the classes with "
                "--class-names"
            )


def is_number(label: str | None) -> bool:
    """Whether a label is a whole number in digits."""
    return label is not None and label.isascii() and label.removeprefix("-").isdigit()


def read_class_names(path: Path) -> tuple[str, ...]:
    """Names of classes in label order, one a line; raises TaskError where there is none."""
    names = tuple(line for _, line in numbered_lines(path))
    if not names:
        raise TaskError(f"{path} names no class: it should have one name a line")
    return names
