"""What every label file is read into: listed videos with their classes and splits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import StoreError

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLIT_NAMES = {
    "train": TRAIN,
    "val": VALIDATION,
    "validate": VALIDATION,
    "validation": VALIDATION,
    "test": TEST,
}
"""What label files and folders call the splits."""


class TaskError(StoreError):
    """A user's mistake about a task or its labels; its text is one clear line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedVideo:
    """A video that a task names.

    Attributes:
        key: its path below the videos' root without extension, or its stem alone.
        label: its class by name; none where the list does not tell.
        split: `train`, `validation` or `test`.
        where: the line that lists it, for messages.
    """

    key: str
    label: str | None
    split: str
    where: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """All videos that a task names, and its classes in label order: label = place, from 0."""

    classes: tuple[str, ...]
    videos: tuple[ListedVideo, ...]

    def __post_init__(self) -> None:
        if len(set(self.classes)) != len(self.classes):
            twice = next(name for name in self.classes if self.classes.count(name) > 1)
            raise TaskError(f"two classes are named {twice!r}: every class needs its own name")

    @property
    def held_out(self) -> str:
        """The split to evaluate on: validation, or test where only that has labels."""
        return VALIDATION if self.of_split(VALIDATION) or not self.of_split(TEST) else TEST

    def of_split(self, split: str) -> list[ListedVideo]:
        """The videos of one split that have a label."""
        return [video for video in self.videos if video.split == split and video.label is not None]


def sorted_classes(videos: Sequence[ListedVideo]) -> tuple[str, ...]:
    """The labels of the training split, sorted; of all videos where that has none."""
    labelled = [(video.split, video.label) for video in videos if video.label is not None]
    training = {label for split, label in labelled if split == TRAIN}
    return tuple(sorted(training or {label for _, label in labelled}))


def without_extension(path: str) -> str:
    """A listed path as the key of a store: `/` between its parts, no extension."""
    folder, slash, name = path.replace("\\", "/").removeprefix("./").rpartition("/")
    stem, _, _ = name.rpartition(".")
    return folder + slash + (stem or name)


def find_file(folder: Path, *names: str) -> Path:
    """The first of `names` in `folder` or in a folder directly below it.

    Raises:
        TaskError: none is there.
    """
    found = first_file(folder, *names)
    if found is None:
        raise TaskError(f"{folder} lacks {' or '.join(names)}: put the official file there")
    return found


def first_file(folder: Path, *names: str) -> Path | None:
    """As `find_file`, none where there is none; names are never patterns."""
    places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    return next(
        (place / name for place in places for name in names if (place / name).is_file()), None
    )


def numbered_lines(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of a text file that are not blank, stripped, each with where it is.

    Raises:
        TaskError: the file cannot be read as UTF-8.
    """
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if line.strip():
            yield f"{path}, line {number}", line.strip()


def read_text(path: Path) -> str:
    """A label file's text; raises TaskError where it is missing or no UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(f"{path} cannot be read: {error}") from None


def split_named(name: str, where: str) -> str:
    """The split a label file calls so; raises TaskError naming the line."""
    if name.lower() not in SPLIT_NAMES:
        raise TaskError(f"{where}: {name!r} is no split; there are {', '.join(SPLIT_NAMES)}")
    return SPLIT_NAMES[name.lower()]


def class_at(classes: Sequence[str], label: int, where: str) -> str:
    """The class of a label that counts from 0.

    Raises:
        TaskError: it is out of range, naming the line.
    """
    if not 0 <= label < len(classes):
        raise out_of_range(label, len(classes), where)
    return classes[label]


def out_of_range(label: int, classes: int, where: str) -> TaskError:
    """What to say of a label that no class has."""
    return TaskError(
        f"{where}: label {label} is out of range: {classes} classes are numbered from 0 to "
        f"{classes - 1}"
    )


def whole_number(text: str, where: str) -> int:
    """A label's digits as a number; raises TaskError naming the line."""
    if not (text.isascii() and text.removeprefix("-").isdigit()):
        raise TaskError(f"{where}: {text!r} should be a whole number")
    return int(text)
