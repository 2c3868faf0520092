"""Find the videos a command is given: files, folders, lists, and tar shards of raw video."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from pathlib import Path

from braceexpand import braceexpand

from ..errors import PipelineError
from .source import TAR, VideoSource
from .tars import as_text, videos_in_tar

VIDEO_EXTENSIONS = frozenset(
    {".3gp", ".asf", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4"}
    | {".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv"}
)
LIST = ".txt"


class InputError(PipelineError):
    """An input that does not exist, holds no video, or cannot be told from another."""


def find_videos(inputs: Sequence[Path | str]) -> list[VideoSource]:
    """Every video in the inputs, ordered by key, the same on every machine.

    An input is a video file (any extension), a folder (searched through, for `VIDEO_EXTENSIONS`
    and for tars), a list (`.txt`, a path a line, relative to the list's folder), a tar shard in
    WebDataset's layout (uncompressed; `123.mp4`, `123.json`, ...), or a brace pattern of these:
    `shards/{00000..00009}.tar`. Names that begin with a dot are passed over in folders and tars.

    What is named like a video but cannot be read (a broken link, a FIFO, a listed file that is
    not there, a tar cut short) is found too: reading it tells why.

    A video that several inputs hold counts once, under the longest of its keys. Where videos of
    different extensions would share a key, the first by extension has it and the others keep
    their extension in theirs: `a.mp4` beside `a.webm` are `a` and `a.webm`.

    Raises:
        InputError: an input or a folder does not exist or cannot be read, no video was found, or
            two videos have one key and one extension.
    """
    paths = [path for given in inputs for path in _expand(given)]
    sources = _each_once(source for path in paths for source in _videos_at(path))
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
            yield from _videos_of(file, path)
    elif path.suffix.lower() == LIST:
        yield from _listed(path)
    elif path.suffix.lower() == TAR:
        yield from videos_in_tar(path, VIDEO_EXTENSIONS)
    else:
        yield _video_file(path, root=path.parent)


def _videos_of(file: Path, root: Path) -> Iterator[VideoSource]:
    """What a file found below a folder, or in a list, holds."""
    if file.suffix.lower() == TAR:
        yield from videos_in_tar(file, VIDEO_EXTENSIONS)
    elif file.suffix.lower() in VIDEO_EXTENSIONS:
        yield _video_file(file, root=root)


def _listed(path: Path) -> Iterator[VideoSource]:
    try:
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError as error:
        raise InputError(f"cannot read list {path}: {error.strerror}") from None
    for number, line in enumerate(lines, 1):
        file = path.parent / line.strip()
        if not line.strip():
            continue
        found = list(_videos_of(file, path.parent))
        if not found and file.suffix.lower() != TAR:
            raise InputError(f"{path}, line {number}: not the name of a video: {line.strip():.80}")
        yield from found


def _video_file(file: Path, *, root: Path) -> VideoSource:
    below = file.relative_to(root) if file.is_relative_to(root) else file.relative_to(file.anchor)
    key = as_text(below.with_suffix("").as_posix())
    try:
        size = file.stat().st_size
    except OSError:
        size = 0
    return VideoSource(key=key, path=file, extension=as_text(file.suffix), size=size)


def _files_below(root: Path) -> Iterator[Path]:
    """Names under `root`, links followed, a folder inside itself entered once."""

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
        yield from (Path(folder, name) for name in sorted(files) if not name.startswith("."))


def _each_once(found: Iterable[VideoSource]) -> list[VideoSource]:
    """Every place once, in order; of several keys the longest tells most of where it is."""
    by_length = sorted(found, key=lambda source: (len(source.key), _order(source)))
    return sorted({_place(source): source for source in by_length}.values(), key=_order)


def _place(source: VideoSource) -> tuple[Path, int | None]:
    """The file and the place in it, however the path was written; links are files of their own."""
    folder = source.path.parent
    folder = folder.resolve() if ".." in folder.parts else folder.absolute()
    return folder / source.path.name, source.offset


def _with_distinct_keys(sources: Sequence[VideoSource]) -> list[VideoSource]:
    for one, other in pairwise(sources):
        if (one.key, one.extension) == (other.key, other.extension):
            raise _same_name(one.key + one.extension, one, other)
    kept: dict[str, VideoSource] = {}
    for _, group in groupby(sources, key=lambda source: source.key):
        for place, source in enumerate(group):
            key = source.key + source.extension if place else source.key
            if key in kept:
                raise _same_name(key, kept[key], source)
            kept[key] = replace(source, key=key)
    return [kept[key] for key in sorted(kept)]


def _same_name(name: str, one: VideoSource, other: VideoSource) -> InputError:
    return InputError(f"two videos would both be named {name}: {one} and {other}")
