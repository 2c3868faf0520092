"""A token shard as a WebDataset tar: one `.npy` of codes a view and one `.json` a video.

Every header and every place in the tar follows from the commit record, so that a reader goes
straight to a video and compares headers byte for byte: it parses none, takes no other name, type
or size, unpacks nothing and unpickles nothing.
"""

import hashlib
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError
from ..format.access import StoreFiles
from .form import LARGEST_VIDEO, StoredVideo, parse_videos
from .layout import CodeArray, Codes, ShardLayout

BLOCK = tarfile.BLOCKSIZE
NPY_HEADER = 128


def sample_name(key: str) -> str:
    """Name of a video's members up to the first dot: 32 hex digits of its key's sha256."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def tar_header(name: str, size: int) -> bytes:
    """The header of a member: nothing in it but name and size, so that bytes are reproducible."""
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.USTAR_FORMAT)


def npy_header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """The 128 bytes that a `.npy` file of codes begins with (NPY format 1.0)."""
    text = f"{{'descr': '{dtype.str}', 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\x01\x00\x76\x00" + text.ljust(NPY_HEADER - 11).encode() + b"\n"


def json_size(key: str) -> int:
    """Bytes of a video's `.json`, spaces at its end included: a function of the key alone."""
    return padded(LARGEST_VIDEO + 6 * len(key.encode()))


def padded(size: int) -> int:
    """A size rounded up to whole blocks."""
    return -(-size // BLOCK) * BLOCK


class TarForm:
    """Shards as tars that plain `webdataset` reads."""

    suffix = ".tar"

    def write(
        self,
        path: Path,
        layout: ShardLayout,
        videos: Sequence[StoredVideo],
        arrays: Mapping[str, Codes],
    ) -> None:
        """Write a shard (see `ShardForm.write`)."""
        with path.open("wb") as tar:
            for number, video in enumerate(videos):
                name = sample_name(video.key)
                for view in layout.identity.views:
                    array, start, stop = layout.span(number, view)
                    codes = np.ascontiguousarray(arrays[array.name][start:stop], array.dtype)
                    size = NPY_HEADER + codes.nbytes
                    tar.write(tar_header(f"{name}.{view}.npy", size))
                    tar.write(npy_header(array.dtype, codes.shape))
                    tar.write(codes.data)
                    tar.write(bytes(padded(size) - size))
                text = json.dumps(video.to_dict(), ensure_ascii=False).encode()
                if len(text) > json_size(video.key):
                    raise StoreError(f"{video.key}: its source is described in too many bytes")
                tar.write(tar_header(f"{name}.json", json_size(video.key)))
                tar.write(text.ljust(json_size(video.key)))
            tar.write(bytes(tar_size(tar.tell()) - tar.tell()))

    def open(self, files: StoreFiles, name: str, layout: ShardLayout) -> "TarShard":
        """Open a shard to read (see `ShardForm.open`)."""
        return TarShard(files, name, layout)


def tar_size(members: int) -> int:
    """Bytes of a tar whose members take so many: two zero blocks, then up to a whole record."""
    return -(-(members + 2 * BLOCK) // tarfile.RECORDSIZE) * tarfile.RECORDSIZE


class TarShard:
    """An open tar shard."""

    def __init__(self, files: StoreFiles, name: str, layout: ShardLayout) -> None:
        self.name = name
        self.layout = layout
        self.file = files.open(name)
        self.starts = member_starts(layout)
        expected = tar_size(int(self.starts[-1, 0]))
        if self.file.size != expected:
            raise StoreError(f"{name} has {self.file.size} bytes, expected {expected}")

    def read(self, array: CodeArray, start: int, stop: int) -> Codes:
        """Frames `start` to `stop` of an array (see `ShardReader.read`)."""
        out = np.empty((stop - start, *array.grid), dtype=array.dtype)
        at, place = start, int(np.searchsorted(array.ends, start, side="right"))
        while at < stop:
            video = int(array.videos[place])
            first = int(array.ends[place] - self.layout.frames[video])
            until = min(stop, int(array.ends[place]))
            out[at - start : until - start] = self.cut(array, video, at - first, until - first)
            at, place = until, place + 1
        return out

    def cut(self, array: CodeArray, video: int, start: int, stop: int) -> Codes:
        """Frames `start` to `stop` of one video, its headers checked."""
        shape, frame = (int(self.layout.frames[video]), *array.grid), array.frame_bytes
        name = f"{sample_name(self.layout.keys[video])}.{array.view}.npy"
        begin = int(self.starts[video, self.layout.identity.views.index(array.view)])
        header = tar_header(name, NPY_HEADER + shape[0] * frame) + npy_header(array.dtype, shape)
        if self.file.read(begin, len(header)) != header:
            raise StoreError(
                f"{self.name} should hold {name} of {array.dtype.name} {shape} at {begin}"
            )
        content = self.file.read(begin + len(header) + start * frame, (stop - start) * frame)
        codes: Codes = np.frombuffer(content, dtype=array.dtype).reshape(stop - start, *array.grid)
        return codes

    def videos(self) -> list[StoredVideo]:
        """What the shard itself says of its videos, in stored order."""
        texts = []
        for video, key in enumerate(self.layout.keys):
            begin, size = int(self.starts[video, -1]), json_size(key)
            header = tar_header(f"{sample_name(key)}.json", size)
            if self.file.read(begin, BLOCK) != header:
                raise StoreError(f"{self.name} should hold {sample_name(key)}.json at {begin}")
            texts.append(self.file.read(begin + BLOCK, size))
        return parse_videos(b"[" + b",".join(texts) + b"]", self.name)


def member_starts(layout: ShardLayout) -> NDArray[np.int64]:
    """Where each member's header is: a row a video and one for the end, a column a view, `.json`.

    Returns:
        `(videos + 1, views + 1)` int64.
    """
    identity = layout.identity
    sizes = np.zeros((len(layout.keys), len(identity.views) + 1), dtype=np.int64)
    for array in layout.arrays.values():
        column = identity.views.index(array.view)
        codes = layout.frames[array.videos] * array.frame_bytes
        sizes[array.videos, column] = NPY_HEADER + codes
    sizes[:, -1] = [json_size(key) for key in layout.keys]
    whole = BLOCK + -(-sizes // BLOCK) * BLOCK
    ends = np.cumsum(whole.ravel(), dtype=np.int64)
    starts = np.zeros((len(layout.keys) + 1) * whole.shape[1], dtype=np.int64)
    starts[1 : len(ends) + 1] = ends
    return starts.reshape(-1, whole.shape[1])
