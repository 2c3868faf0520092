"""The videos in a tar shard of WebDataset's layout: `123.mp4`, `123.json`, ..., uncompressed."""

import re
import tarfile
from dataclasses import replace
from pathlib import Path, PurePosixPath

from .source import TAR, VideoSource

_NAME = re.compile(r"(?P<key>(?:.*/)?[^/.]+)(?P<extension>\.[^/]+)")


def videos_in_tar(path: Path, extensions: frozenset[str]) -> list[VideoSource]:
    """Every video member of a tar, and the tar itself where it is no whole tar.

    A member cut short stands for the tar that is; reading either gives a failure with a reason.
    """
    videos: list[VideoSource] = []
    documents: dict[str, tuple[int, int]] = {}
    length, whole = 0, False
    try:
        length = path.stat().st_size
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                match = _NAME.fullmatch(member.name.removeprefix("./"))
                if match is None or not member.isreg() or member.issparse():
                    continue
                key, extension = as_text(match["key"]), as_text(match["extension"])
                place = (member.offset_data, member.size)
                if extension == ".json":
                    documents[key] = place
                elif PurePosixPath(member.name).suffix.lower() in extensions:
                    videos.append(_member(path, key, extension, place))
            whole = tar.offset < length  # a block of zeros follows, which ends every tar
    except (tarfile.TarError, OSError):
        pass
    cut = any((video.offset or 0) + video.size > length for video in videos)
    found = [replace(video, metadata=documents.get(video.key)) for video in videos]
    return found if whole or cut else [*found, _itself(path)]


def _member(path: Path, key: str, extension: str, place: tuple[int, int]) -> VideoSource:
    offset, size = place
    return VideoSource(key=key, path=path, extension=extension, offset=offset, size=size)


def _itself(path: Path) -> VideoSource:
    return VideoSource(key=as_text(path.stem), path=path, extension=TAR, size=0)


def as_text(name: str) -> str:
    """A name that can be written as UTF-8, whatever bytes the file system holds."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
