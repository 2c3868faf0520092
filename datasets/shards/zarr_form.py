"""A token shard as a Zarr v3 group: zarr-python writes it, positional reads read it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from ..errors import StoreError
from ..format.access import StoreFiles
from ..format.identity import Grid
from ..format.parse import FORMAT_VERSION
from .form import LARGEST_VIDEO, StoredVideo, parse_videos
from .layout import CodeArray, Codes, ShardLayout
from .zarr_array import ZarrArray, read_vector

CHUNK_TOKENS = 8192
# Beyond 3 finer matches are found, 0.6 % of the bytes; they unpack as fast, and packing at some
# 10 million codes a second is small beside encoding video.
LEVEL = 15
# Frames go to a new file of the array after so many chunks: 64 MiB of uint16 codes.
CHUNKS_PER_FILE = 4096


def chunk_frames(grid: Grid) -> int:
    """Frames a chunk, for about 8192 tokens: 128 at 8 x 8, 32 at 16 x 16, 8 at 32 x 32."""
    return max(1, CHUNK_TOKENS // (grid[0] * grid[1]))


def array_options() -> dict[str, Any]:
    """Options shared by all arrays: checked zstd without shuffle, one flat folder of files."""
    return {
        "compressors": [ZstdCodec(level=LEVEL, checksum=True)],
        "filters": None,
        "chunk_key_encoding": {"name": "default", "separator": "."},
        "config": {"write_empty_chunks": True},
    }


def create_codes(group: zarr.Group, array: CodeArray) -> zarr.Array[Any]:
    """Create one ragged `(frames, h, w)` array: small chunks in large files."""
    chunk = chunk_frames(array.grid)
    chunks = min(max(-(-array.frames // chunk), 1), CHUNKS_PER_FILE)
    return group.create_array(
        f"codes/{array.name}",
        shape=(array.frames, *array.grid),
        chunks=(chunk, *array.grid),
        shards=(chunk * chunks, *array.grid),
        dtype=array.dtype,
        fill_value=int(np.iinfo(array.dtype).max),  # never a code
        dimension_names=("frame", "row", "column"),
        **array_options(),
    )


def write_vector(group: zarr.Group, name: str, values: NDArray[Any]) -> None:
    """Write a vector as one chunk."""
    array = group.create_array(
        name, shape=values.shape, chunks=values.shape, dtype=values.dtype, **array_options()
    )
    array[:] = values


class ZarrForm:
    """Shards as Zarr groups: `codes/<view>`, `offsets` and `videos`."""

    suffix = ".zarr"

    def write(
        self,
        path: Path,
        layout: ShardLayout,
        videos: Sequence[StoredVideo],
        arrays: Mapping[str, Codes],
    ) -> None:
        """Write a shard (see `ShardForm.write`)."""
        attributes = {"format": "vimpac token shard", "format_version": FORMAT_VERSION}
        group = zarr.create_group(path, zarr_format=3, attributes=attributes)
        group.create_group("codes")
        for name, array in layout.arrays.items():
            target = create_codes(group, array)
            step = target.shards[0] if target.shards else array.frames
            for start in range(0, array.frames, step):  # whole files, one at a time in memory
                target[start : start + step] = arrays[name][start : start + step]
        write_vector(group, "offsets", np.cumsum([0, *layout.frames], dtype=np.int64))
        text = json.dumps([video.to_dict() for video in videos], ensure_ascii=False)
        write_vector(group, "videos", np.frombuffer(text.encode(), dtype=np.uint8))

    def open(self, files: StoreFiles, name: str, layout: ShardLayout) -> "ZarrShard":
        """Open a shard to read (see `ShardForm.open`)."""
        return ZarrShard(files, name, layout)


class ZarrShard:
    """An open Zarr shard."""

    def __init__(self, files: StoreFiles, name: str, layout: ShardLayout) -> None:
        self.files = files
        self.name = name
        self.layout = layout
        self._arrays: dict[str, ZarrArray] = {}

    def read(self, array: CodeArray, start: int, stop: int) -> Codes:
        """Frames `start` to `stop` of an array (see `ShardReader.read`)."""
        if array.name not in self._arrays:
            self._arrays[array.name] = ZarrArray(
                self.files,
                f"{self.name}/codes/{array.name}",
                (array.frames, *array.grid),
                array.dtype,
            )
        return self._arrays[array.name].read(start, stop)

    def videos(self) -> list[StoredVideo]:
        """What the shard itself says of its videos; its `offsets` are checked as well."""
        expected = np.cumsum([0, *self.layout.frames])
        offsets = read_vector(self.files, f"{self.name}/offsets", "int64", len(expected))
        if not np.array_equal(offsets, expected):
            raise StoreError(f"{self.name}: its offsets differ from its commit record")
        most = sum(LARGEST_VIDEO + 6 * len(key.encode()) for key in ("", *self.layout.keys))
        text = read_vector(self.files, f"{self.name}/videos", "uint8", most).tobytes()
        return parse_videos(text, f"{self.name}/videos")
