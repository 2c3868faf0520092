"""A local copy of what was read of a remote store, file by file."""

import hashlib
import os
from pathlib import Path

from ..errors import StoreError
from .access import LocalFile, OpenFile, StoreFiles
from .files import temporary_path

PIECE = 2**22


class CachedFiles:
    """Files that are copied whole into a folder when first opened, and read there.

    Only what never changes under its name belongs here: the folder must be named after what the
    store holds.

    Args:
        files: The remote files.
        folder: Where copies are kept.
    """

    def __init__(self, files: StoreFiles, folder: Path) -> None:
        self.files = files
        self.folder = folder
        self.location = files.location

    def open(self, name: str) -> OpenFile:
        """Open a file, copying it first unless it is here; raises StoreError when missing."""
        path = self.folder / name
        if not path.is_file():
            copy_file(self.files.open(name), path)
        return LocalFile(path)

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of each file directly in a folder, at the source."""
        return self.files.sizes(folder)


def copy_file(source: OpenFile, path: Path) -> str:
    """Copy a file in pieces; others see it whole or not at all.

    Returns:
        sha256 of what was copied, in hex.
    """
    digest = hashlib.sha256()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    try:
        with temporary.open("wb") as copy:
            for start in range(0, source.size, PIECE):
                piece = source.read(start, min(PIECE, source.size - start))
                digest.update(piece)
                copy.write(piece)
        os.replace(temporary, path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)
    return digest.hexdigest()
