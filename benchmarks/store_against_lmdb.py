"""The token store beside the original's layout: bytes, random clips, the pre-training pattern.

    python benchmarks/store_against_lmdb.py prepare WORK [--videos 20000] [--lmdb-videos N]
    python benchmarks/store_against_lmdb.py measure WORK [--videos 20000] [--lmdb-videos N]

The original keeps an LMDB of numpy `savez_compressed` (`tokens` int16, `label`), a record a video,
and reads with `np.load`. `prepare` makes both (the LMDB of fewer videos where asked; its rates and
bytes a token do not depend on their number); `measure` takes turns between the two in one run, a
single process on one thread, and prints JSON. The store's files are read once beforehand, so
that both are in the page cache.

- Bytes: everything in the store's folder, against the pages LMDB uses, both over all tokens.
- Random clips: 5 frames of a random video from a random start, as an array of the stored type.
- Pre-training: batches of 32 videos, two clips of 5 frames each, as int64 tensors; the store
  through its loader (whole shards in shuffled order), the LMDB record by record in shuffled order.
"""

import argparse
import io
import json
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import lmdb
import numpy as np
import torch
from numpy.typing import NDArray
from store_synthetic import VIDEOS_A_SHARD, build_store, keys_of, shard_videos
from vimpac.datasets import ClipLoader, RandomClips, TokenStore

FRAMES = 5
BATCH = 32
CLIPS_A_TURN = 1000
BATCHES_A_TURN = 60
TURNS = 5

Clip = NDArray[np.integer]


def build_lmdb(path: Path, videos: int) -> None:
    """The original's layout, of the same videos."""
    if path.exists():
        return
    keys = keys_of(videos)
    with lmdb.open(str(path), map_size=2**36) as environment:
        for shard, first in enumerate(range(0, videos, VIDEOS_A_SHARD)):
            part = keys[first : first + VIDEOS_A_SHARD]
            with environment.begin(write=True) as transaction:
                for key, codes in zip(part, shard_videos(shard, len(part)), strict=True):
                    record = io.BytesIO()
                    np.savez_compressed(record, tokens=codes.astype(np.int16), label=np.int64(0))
                    transaction.put(key.encode(), record.getvalue())


class OriginalLayout:
    """Reads the LMDB."""

    def __init__(self, path: Path) -> None:
        self.environment = lmdb.open(str(path), readonly=True, lock=False, readahead=False)
        self.keys = keys_of(self.environment.stat()["entries"])

    def video(self, number: int) -> NDArray[np.int16]:
        """The codes of one video, `(T, 16, 16)`."""
        with self.environment.begin(buffers=True) as transaction:
            record = io.BytesIO(transaction.get(self.keys[number].encode()))
        codes: NDArray[np.int16] = np.load(record)["tokens"]
        return codes

    def bytes_used(self) -> int:
        """Bytes of the pages in use."""
        return (self.environment.info()["last_pgno"] + 1) * self.environment.stat()["psize"]

    def clip(self, number: int, place: float) -> Clip:
        """A clip of a video, `place` of the way from its first to its last."""
        codes = self.video(number)
        start = int(place * (len(codes) - FRAMES + 1))
        return codes[start : start + FRAMES]

    def batch(self, numbers: NDArray[np.int64], rng: np.random.Generator) -> torch.Tensor:
        """Two random clips of each video, `(n, 2, 5, 16, 16)` int64."""
        clips = []
        for number in numbers:
            codes = self.video(int(number))
            starts = rng.integers(0, len(codes) - FRAMES + 1, 2)
            clips.append([codes[start : start + FRAMES] for start in starts])
        return torch.from_numpy(np.array(clips, dtype=np.int64))


def store_clip(store: TokenStore, number: int, place: float) -> Clip:
    """A clip of a video of the store, as `OriginalLayout.clip`."""
    start = int(place * (int(store.frames[number]) - FRAMES + 1))
    return store.clip(number, start, FRAMES)


def random_choices(videos: int, rng: np.random.Generator) -> Iterator[tuple[int, float]]:
    """Endless random videos and places in them, drawn in advance."""
    numbers, places = rng.integers(videos, size=2**16).tolist(), rng.random(2**16).tolist()
    return cycle(zip(numbers, places, strict=True))


def seconds(work: Callable[[], object], times: int) -> float:
    """How long `work` takes, over so many times."""
    begin = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - begin) / times


def measure(work: Path, videos: int, lmdb_videos: int) -> dict[str, float]:
    """All figures and their ratios."""
    folder = work / f"store-{videos}"
    store, original = TokenStore.open(folder), OriginalLayout(work / "lmdb")
    rng = np.random.default_rng(0)
    clips = RandomClips(store, frames=FRAMES, stride=1, seed=0)
    batches = iter(ClipLoader(clips, batch_size=BATCH, steps=2**40))
    shuffled = np.resize(rng.permutation(lmdb_videos), 2**20)
    places = iter(range(0, len(shuffled), BATCH))

    def original_batch() -> torch.Tensor:
        place = next(places)
        return original.batch(shuffled[place : place + BATCH], rng)

    ours, theirs = random_choices(len(store), rng), random_choices(lmdb_videos, rng)
    warm(store)
    next(batches)
    taken: dict[str, list[float]] = {"clips": [], "videos": [], "lmdb_clips": [], "lmdb_videos": []}
    group = clips.shuffle_shards * VIDEOS_A_SHARD // BATCH  # each decodes as many shards
    for _ in range(TURNS):
        taken["clips"].append(seconds(lambda: store_clip(store, *next(ours)), CLIPS_A_TURN))
        taken["lmdb_clips"].append(seconds(lambda: original.clip(*next(theirs)), CLIPS_A_TURN))
        taken["videos"].append(seconds(lambda: next(batches), group) / BATCH)
        taken["lmdb_videos"].append(seconds(original_batch, group // 4) / BATCH)
    rates = {f"{name}_a_second": 1 / float(np.median(times)) for name, times in taken.items()}
    lmdb_tokens = sum(original.video(number).size for number in range(lmdb_videos))
    held, lmdb_bytes = figures(store, folder), original.bytes_used() / lmdb_tokens
    return held | {
        "lmdb_videos": lmdb_videos,
        "lmdb_bytes_a_token": lmdb_bytes,
        "bytes_ratio": held["bytes_a_token"] / lmdb_bytes,
        **rates,
        "clips_ratio": rates["clips_a_second"] / rates["lmdb_clips_a_second"],
        "videos_ratio": rates["videos_a_second"] / rates["lmdb_videos_a_second"],
    }


def warm(store: TokenStore) -> None:
    """Open every shard and read every file once."""
    for path in (store.folder / "shards").rglob("*"):
        if path.is_file():
            path.read_bytes()
    for first in np.cumsum(store.shard_sizes) - store.shard_sizes:
        store.clip(int(first), 0, 1)


def figures(store: TokenStore, folder: Path) -> dict[str, float]:
    """What the store's folder holds."""
    entries = list(folder.rglob("*"))
    size = sum(path.stat().st_size for path in entries if path.is_file())
    tokens = int(store.frames.sum()) * store.identity.tokens_a_frame()
    return {
        "videos": len(store),
        "tokens": tokens,
        "bytes_a_token": size / tokens,
        "files_and_folders_for_each_100_videos": 100 * len(entries) / len(store),
    }


def main() -> None:
    """Prepare or measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["prepare", "measure"])
    parser.add_argument("work", type=Path)
    parser.add_argument("--videos", type=int, default=20_000)
    parser.add_argument("--lmdb-videos", type=int)
    given = parser.parse_args()
    torch.set_num_threads(1)
    lmdb_videos = given.lmdb_videos or given.videos
    if given.what == "prepare":
        given.work.mkdir(parents=True, exist_ok=True)
        build_store(given.work / f"store-{given.videos}", given.videos)
        build_lmdb(given.work / "lmdb", lmdb_videos)
        return
    print(json.dumps(measure(given.work, given.videos, lmdb_videos), indent=1))


if __name__ == "__main__":
    main()
