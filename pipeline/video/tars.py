"""The videos in a tar shard of WebDataset's layout: `123.mp4`, `123.json`, ..., uncompressed."""

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from .source import TAR, VideoSource

_NAME = re.compile(r"(?P<key>(?:.*/)?[^/.]+)(?P<extension>\.[^/]+)")


def videos_in_tar(path: Path, extensions: frozenset[str]) -> Iterator[VideoSource]:
    """Every video member of a tar, and the tar itself where it is no whole tar.

    A member cut short stands for the tar that is; reading either gives a failure with a reason.
    """
    whole = True
    try:
        length = path.stat().st_size
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                source = _video(path, member, extensions)
                if source is not None:
                    whole = whole and member.offset_data + member.size <= length
                    yield source
            if whole and tar.offset >= length:  # no block of zeros, which ends every tar
                yield _itself(path)
    except (tarfile.TarError, OSError):
        if whole:
            yield _itself(path)


def _video(path: Path, member: tarfile.TarInfo, extensions: frozenset[str]) -> VideoSource | None:
    match = _NAME.fullmatch(member.name.removeprefix("./"))
    suffix = PurePosixPath(member.name).suffix.lower()
    if not member.isreg() or member.issparse() or match is None or suffix not in extensions:
        return None
    return VideoSource(
        key=as_text(match["key"]),
        path=path,
        extension=as_text(match["extension"]),
        offset=member.offset_data,
        size=member.size,
    )


def _itself(path: Path) -> VideoSource:
    return VideoSource(key=as_text(path.stem), path=path, extension=TAR, size=0)


def as_text(name: str) -> str:
    """A name that can be written as UTF-8, whatever bytes the file system holds."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
