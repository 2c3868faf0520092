"""Find the videos a command is given: files, folders, and tar shards of raw video."""

import os
import re
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path, PurePosixPath

from braceexpand import braceexpand

from ..errors import PipelineError

VIDEO_EXTENSIONS = frozenset(
    {".3gp", ".asf", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4"}
    | {".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv"}
)
_COPY_BYTES = 1 << 20
_TAR_NAME = re.compile(r"(?P<key>(?:.*/)?[^/.]+)(?P<extension>\.[^/]+)")


class InputError(PipelineError):
    """An input that does not exist, holds no video, or cannot be told from another."""


@dataclass(frozen=True, kw_only=True)
class VideoSource:
    """Where one video is.

    Attributes:
        key: its name in the store: the path below the folder that was given, without the
            extension, `/` as separator; for a file that was given itself, its stem; in a tar, the
            sample's key (up to the first dot of the base name).
        path: the video file, or the tar it is in.
        extension: from the key on, with its dot: `.mp4`.
        offset: first byte in the tar; None for a file of its own.
        size: bytes of the video.
    """

    key: str
    path: Path
    extension: str
    offset: int | None = None
    size: int

    def __str__(self) -> str:
        if self.offset is None:
            return str(self.path)
        return f"{self.path}, member {self.key.removesuffix(self.extension)}{self.extension}"

    @contextmanager
    def open(self) -> Iterator[Path]:
        """A local, seekable file with this video, there for the length of the `with` block.

        A tar's member is copied to a temporary file whose name owes nothing to the member's.
        """
        if self.offset is None:
            yield self.path
            return
        with tempfile.NamedTemporaryFile(prefix="vimpac-", suffix=".video") as copy:
            with self.path.open("rb") as tar:
                tar.seek(self.offset)
                left = self.size
                while left and (chunk := tar.read(min(left, _COPY_BYTES))):
                    copy.write(chunk)
                    left -= len(chunk)
            copy.flush()
            yield Path(copy.name)


def find_videos(inputs: Sequence[Path | str]) -> list[VideoSource]:
    """Every video in the inputs, ordered by key, the same on every machine.

    An input is a video file (any extension), a folder (searched through, for `VIDEO_EXTENSIONS`
    and for tars), a tar shard in WebDataset's layout (uncompressed; `123.mp4`, `123.json`, ...),
    or a brace pattern of these: `shards/{00000..00009}.tar`. Names that begin with a dot are
    passed over in folders and tars.

    Where videos would share a key, the first by extension has it and the others keep their
    extension in theirs: `a.mp4` beside `a.webm` are `a` and `a.webm`.

    Raises:
        InputError: a path does not exist or cannot be read, no video was found, or two videos
            have one key.
    """
    paths = [path for given in inputs for path in _expand(given)]
    sources = sorted((source for path in paths for source in _videos_at(path)), key=_order)
    if not sources:
        places = ", ".join(map(str, inputs)) or "no path was given"
        raise InputError(
            f"no video found in {places}; looked for {' '.join(sorted(VIDEO_EXTENSIONS))} and .tar"
        )
    return _with_distinct_keys(sources)


def _order(source: VideoSource) -> tuple[str, str, str]:
    return source.key, source.extension, os.fspath(source.path)


def _expand(given: Path | str) -> Iterator[Path]:
    """The paths an input stands for: itself if it exists, else what its braces expand to."""
    text = os.fspath(given)
    names = [text]
    if "{" in text and not os.path.lexists(text):
        try:
            names = list(braceexpand(text))
        except ValueError:  # its UnbalancedBracesError
            raise InputError(f"unbalanced braces in {text}") from None
    for name in names:
        if not os.path.exists(name):
            raise InputError(f"no such file or folder: {name}")
        yield Path(name)


def _videos_at(path: Path) -> Iterator[VideoSource]:
    if path.is_dir():
        for file in _files_below(path):
            if file.suffix.lower() == ".tar":
                yield from _videos_in_tar(file)
            elif file.suffix.lower() in VIDEO_EXTENSIONS:
                yield _video_file(file, root=path)
    elif path.suffix.lower() == ".tar":
        yield from _videos_in_tar(path)
    elif path.is_file():
        yield _video_file(path, root=path.parent)
    else:
        raise InputError(f"neither a file nor a folder: {path}")


def _video_file(file: Path, *, root: Path) -> VideoSource:
    key = file.relative_to(root).with_suffix("").as_posix()
    return VideoSource(
        key=_as_text(key), path=file, extension=file.suffix, size=file.stat().st_size
    )


def _as_text(name: str) -> str:
    """A name that can be written as UTF-8, whatever bytes the file system holds."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _files_below(root: Path) -> Iterator[Path]:
    """Regular files under `root`, links followed, a folder inside itself entered once."""

    def refuse(error: OSError) -> None:
        raise InputError(f"cannot read folder {error.filename}: {error.strerror}")

    lineage: dict[str, frozenset[tuple[int, int]]] = {}
    for folder, folders, files in os.walk(root, onerror=refuse, followlinks=True):
        status = os.stat(folder)
        identity = (status.st_dev, status.st_ino)
        above = lineage.get(os.path.dirname(folder), frozenset())
        if identity in above:
            folders.clear()
            continue
        lineage[folder] = above | {identity}
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            file = Path(folder, name)
            if not name.startswith(".") and file.is_file():
                yield file


def _videos_in_tar(path: Path) -> Iterator[VideoSource]:
    length = path.stat().st_size
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                if not member.isreg() or member.issparse():
                    continue
                source = _member(path, member)
                if source is not None:
                    if member.offset_data + member.size > length:
                        raise InputError(f"tar is cut short: {path}")
                    yield source
    except (tarfile.TarError, OSError) as error:
        raise InputError(f"not a readable uncompressed tar: {path} ({error})") from None


def _member(path: Path, member: tarfile.TarInfo) -> VideoSource | None:
    name = PurePosixPath(member.name)
    match = _TAR_NAME.fullmatch(member.name.removeprefix("./"))
    if match is None or name.suffix.lower() not in VIDEO_EXTENSIONS:
        return None
    return VideoSource(
        key=_as_text(match["key"]),
        path=path,
        extension=_as_text(match["extension"]),
        offset=member.offset_data,
        size=member.size,
    )


def _with_distinct_keys(sources: Sequence[VideoSource]) -> list[VideoSource]:
    kept: dict[str, VideoSource] = {}
    for _, group in groupby(sources, key=lambda source: source.key):
        for place, source in enumerate(group):
            key = source.key + source.extension if place else source.key
            if key in kept:
                raise InputError(f"two videos would both be named {key}: {kept[key]} and {source}")
            kept[key] = replace(source, key=key)
    return [kept[key] for key in sorted(kept)]
