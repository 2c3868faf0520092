"""UCF101: `classInd.txt` and, for splits 1 to 3, `trainlist01.txt` and `testlist01.txt`.

The test list is the validation split.
"""

from pathlib import Path, PurePosixPath

from .listing import (
    TRAIN,
    VALIDATION,
    ListedVideo,
    Listing,
    TaskError,
    find_file,
    numbered_lines,
    whole_number,
    without_extension,
)


def read_ucf101(folder: Path, split: int = 1) -> Listing:
    """Read the official files; classes are in the order of `classInd.txt`, not of the alphabet.

    Raises:
        TaskError: a file is missing, or a line names another class than its folder, naming it.
    """
    classes = read_class_index(find_file(folder, "classInd.txt"))
    videos = []
    for name, kind in ((TRAIN, "trainlist"), (VALIDATION, "testlist")):
        for where, line in numbered_lines(find_file(folder, f"{kind}{split:02d}.txt")):
            path, number = split_number(line, where)
            label = PurePosixPath(path).parent.name
            if label not in classes:
                raise TaskError(f"{where}: classInd.txt has no class {label!r}")
            if number is not None and number != classes.index(label) + 1:
                raise TaskError(
                    f"{where}: label {number} is not {label}'s, which classInd.txt numbers "
                    f"{classes.index(label) + 1} (it counts from 1)"
                )
            key = without_extension(path)
            videos.append(ListedVideo(key=key, label=label, split=name, where=where))
    return Listing(classes=classes, videos=tuple(videos))


def split_number(line: str, where: str) -> tuple[str, int | None]:
    """A line's path and its number, none in a test list."""
    path, _, number = line.rpartition(" ")
    return (path.strip(), whole_number(number, where)) if path else (line, None)


def read_class_index(path: Path) -> tuple[str, ...]:
    """The classes of `classInd.txt`, numbered from 1 there."""
    classes: list[str] = []
    for where, line in numbered_lines(path):
        number, _, name = line.partition(" ")
        if whole_number(number, where) != len(classes) + 1 or not name.strip():
            raise TaskError(
                f"{where}: should be `{len(classes) + 1} ClassName`, found {line!r:.60}"
            )
        classes.append(name.strip())
    return tuple(classes)
