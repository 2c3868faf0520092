"""One token shard as a Zarr v3 group: how its arrays are laid out, written and read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from ..errors import StoreError
from ..format.digest import video_digest
from ..format.identity import Grid, StoreIdentity
from ..format.parse import FORMAT_VERSION

Codes = NDArray[np.unsignedinteger]

CHUNK_TOKENS = 8192
# Frames go to a new file of the array after so many chunks: 64 MiB of uint16 codes.
CHUNKS_PER_FILE = 4096


@dataclass(frozen=True, kw_only=True)
class SourceInfo:
    """What was known of the file a video's codes were made from; None where it was not.

    Attributes:
        fps: Frames a second.
        frames: Frames decoded.
        width: Of a frame, in pixels.
        height: Of a frame, in pixels.
        time_base: Seconds a tick of the container's clock, as a fraction such as `1/12800`.
    """

    fps: float | None = None
    frames: int | None = None
    width: int | None = None
    height: int | None = None
    time_base: str | None = None


@dataclass(frozen=True, kw_only=True)
class StoredVideo:
    """One video of a shard, without its codes: key, stored frames, and where they came from."""

    key: str
    frames: int
    source: SourceInfo

    def to_dict(self) -> dict[str, object]:
        """The JSON form, one member of the array `videos`."""
        return {"key": self.key, "frames": self.frames, "source": asdict(self.source)}


def chunk_frames(grid: Grid) -> int:
    """Frames a chunk, for about 8192 tokens: 128 at 8 x 8, 32 at 16 x 16, 8 at 32 x 32."""
    return max(1, CHUNK_TOKENS // (grid[0] * grid[1]))


def fill_value(dtype: str) -> int:
    """What absent chunks read as: the largest number of the type, never a code."""
    return int(np.iinfo(dtype).max)


def array_options() -> dict[str, Any]:
    """Options shared by all arrays: checked zstd without shuffle, one flat folder of files."""
    return {
        "compressors": [ZstdCodec(level=3, checksum=True)],
        "filters": None,
        "chunk_key_encoding": {"name": "default", "separator": "."},
    }


def create_codes(
    codes: zarr.Group, view: str, frames: int, identity: StoreIdentity
) -> zarr.Array[Any]:
    """Create the ragged `(frames, h, w)` array of one view: small chunks in large files."""
    grid = identity.grid(view)
    chunk = chunk_frames(grid)
    chunks = min(max(-(-frames // chunk), 1), CHUNKS_PER_FILE)
    return codes.create_array(
        view,
        shape=(frames, *grid),
        chunks=(chunk, *grid),
        shards=(chunk * chunks, *grid),
        dtype=identity.code_dtype,
        fill_value=fill_value(identity.code_dtype),
        dimension_names=("frame", "row", "column"),
        **array_options(),
    )


def write_group(
    path: Path,
    identity: StoreIdentity,
    videos: Sequence[StoredVideo],
    views: Mapping[str, Codes],
) -> None:
    """Write a token shard at a path nobody else sees yet.

    Args:
        path: Folder to make.
        identity: The store's identity.
        videos: What is stored, in order.
        views: Codes of all the videos one after another, `(frames, h, w)` for each view.
    """
    attributes = {"format": "vimpac token shard", "format_version": FORMAT_VERSION}
    group = zarr.create_group(path, zarr_format=3, attributes=attributes)
    codes = group.create_group("codes")
    for view, values in views.items():
        array = create_codes(codes, view, len(values), identity)
        step = array.shards[0] if array.shards else len(values)
        for start in range(0, len(values), step):  # whole files, one at a time in memory
            array[start : start + step] = values[start : start + step]
    offsets = np.cumsum([0, *(video.frames for video in videos)], dtype=np.int64)
    write_vector(group, "offsets", offsets)
    text = json.dumps([video.to_dict() for video in videos], ensure_ascii=False)
    write_vector(group, "videos", np.frombuffer(text.encode(), dtype=np.uint8))


def write_vector(group: zarr.Group, name: str, values: NDArray[Any]) -> None:
    """Write a vector as one chunk."""
    array = group.create_array(
        name, shape=values.shape, chunks=values.shape, dtype=values.dtype, **array_options()
    )
    array[:] = values


def open_array(group: Path, name: str) -> zarr.Array[Any]:
    """Open one array of a shard; raises StoreError when it cannot be."""
    try:
        return zarr.open_array(group / name, mode="r", zarr_format=3)
    except Exception as error:  # zarr's errors have no common base
        raise StoreError(f"shard {group.stem} has no usable array {name}: {error}") from None


def read_codes(
    group: Path,
    view: str,
    frames: int,
    identity: StoreIdentity,
    window: slice = slice(None),
) -> Codes:
    """Read codes of a view, `(T, h, w)`, never made up.

    Args:
        group: Folder of the shard.
        view: Which view.
        frames: Frames the array must have, from the commit record.
        identity: The store's identity.
        window: Frames to read.

    Raises:
        StoreError: the array is missing, damaged, incomplete, or not what the store promises.
    """
    array = open_array(group, f"codes/{view}")
    expected = (frames, *identity.grid(view))
    if array.shape != expected or array.dtype != np.dtype(identity.code_dtype):
        raise StoreError(
            f"shard {group.stem} holds {array.dtype} codes of shape {array.shape} for {view}, "
            f"expected {identity.code_dtype} of {expected}: run `vimpac tokens verify`"
        )
    try:
        codes = cast(Codes, array[window])
    except Exception as error:  # codecs raise what they like
        raise StoreError(f"shard {group.stem} is damaged ({view}: {error})") from None
    if codes.size and int(codes.max()) >= identity.vocabulary:
        raise StoreError(
            f"shard {group.stem} has chunks missing or codes past the vocabulary ({view}): "
            "run `vimpac tokens verify`"
        )
    return codes


def read_offsets(group: Path) -> NDArray[np.int64]:
    """First frame of each video and the end of the last, `(videos + 1,)` int64."""
    return read_vector(group, "offsets").astype(np.int64)


def read_videos(group: Path) -> list[dict[str, Any]]:
    """The videos of a shard as in `StoredVideo.to_dict`, in stored order."""
    text = read_vector(group, "videos").astype(np.uint8).tobytes()
    try:
        return list(json.loads(text))
    except ValueError as error:
        raise StoreError(f"shard {group.stem} has a damaged list of videos: {error}") from None


def read_digests(
    group: Path, identity: StoreIdentity, keys: Sequence[str], frames: Sequence[int]
) -> list[str]:
    """Digest of each video as its shard reads back, holding a window of whole videos in memory.

    Raises:
        StoreError: as `read_codes`.
    """
    digests: list[str] = []
    limit = CHUNKS_PER_FILE * chunk_frames(identity.grids[0])
    total, start, done = sum(frames), 0, 0
    while done < len(keys):
        ends = start + np.cumsum(frames[done:])
        count = max(1, int(np.searchsorted(ends, start + limit, side="right")))
        window = slice(start, int(ends[count - 1]))
        views = {view: read_codes(group, view, total, identity, window) for view in identity.views}
        bounds = np.concatenate([[0], ends[:count] - start])
        for key, first, last in zip(keys[done:], bounds, bounds[1:], strict=False):
            digests.append(video_digest(key, {v: codes[first:last] for v, codes in views.items()}))
        start, done = window.stop, done + count
    return digests


def read_vector(group: Path, name: str) -> NDArray[Any]:
    """Read a whole vector of a shard; raises StoreError when it is damaged."""
    array = open_array(group, name)
    try:
        return np.asarray(array[:])
    except Exception as error:  # codecs raise what they like
        raise StoreError(f"shard {group.stem} is damaged ({name}: {error})") from None
