"""Tables of labels: csv files with a header, whose columns are found by name."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .class_names import classes_of_labels
from .listing import (
    TRAIN,
    ListedVideo,
    Listing,
    TaskError,
    read_text,
    split_named,
    without_extension,
)

PATH_COLUMNS = ("path", "video", "file", "filename", "name", "key")
LABEL_COLUMNS = ("label", "class")


def read_table(path: Path, split: str = TRAIN, names: Sequence[str] | None = None) -> Listing:
    """Read a csv file of one's own: a column of paths, one of labels, and perhaps one of splits.

    Labels are names, or numbers that count from 0 (see `classes_of_labels`).

    Args:
        path: the file.
        split: the split of all videos where there is no column `split`.
        names: the classes in label order, where they are known.

    Raises:
        TaskError: a column is missing, or a row is not understood, naming the line.
    """
    videos = []
    for where, row in read_rows(path):
        videos.append(
            ListedVideo(
                key=without_extension(column(row, PATH_COLUMNS, where)),
                label=column(row, LABEL_COLUMNS, where) or None,
                split=split_named(row.get("split") or split, where),
                where=where,
            )
        )
    return classes_of_labels(videos, path, names)


def read_rows(path: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The rows of a csv file by lower-case column, stripped, each with the line it ends on.

    Raises:
        TaskError: the file is no csv, or a row has other columns than the header.
    """
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if None in row or None in row.values():
                raise TaskError(f"{where}: has other columns than the header")
            yield where, {name.strip().lower(): value.strip() for name, value in row.items()}
    except csv.Error as error:
        raise TaskError(f"{path}, line {reader.line_num + 1}: not csv: {error}") from None


def column(row: Mapping[str, str], names: tuple[str, ...], where: str) -> str:
    """The value of the first column that is there; raises TaskError where none is."""
    for name in names:
        if name in row:
            return row[name]
    raise TaskError(f"{where}: the header lacks a column {' or '.join(names)}; it has {list(row)}")


def files_ending_in(folder: Path, ending: str) -> list[Path]:
    """The files of a folder, and of folders directly below it, by the end of their names."""
    places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    return sorted(path for place in places for path in place.iterdir() if path.suffix == ending)
