"""Temporary copies of tar members, which ffmpeg reads as files of their own."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ...datasets.format.files import TEMPORARY, is_dead, temporary_path

NAME = "vimpac-video"


@contextmanager
def temporary_copy() -> Iterator[BinaryIO]:
    """An empty file in the folder for temporary files, which only this user may read.

    Its name tells which process owns it: one that is killed leaves it to
    `remove_dead_copies`.
    """
    path = temporary_path(Path(tempfile.gettempdir(), NAME))
    try:
        with open(path, "xb", opener=_private) as file:
            yield file
    finally:
        path.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def remove_dead_copies() -> None:
    """Remove the copies of processes that are gone, of this user at least."""
    for path in Path(tempfile.gettempdir()).glob(f"{TEMPORARY}{NAME}+*"):
        with suppress(OSError):  # another user's
            if is_dead(path):
                path.unlink()
