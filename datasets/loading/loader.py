"""Loaders: batches for training and for evaluation, the same for any number of workers."""

import signal
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Subset

from ..errors import StoreError
from .clips import ClipBatch, ClipSource, RandomClips
from .decoded_shards import DecodedShards
from .evaluation_clips import EvaluationClips, EvaluationSample

CLIP_COST_FRAMES = 64
"""What reading a clip costs beside its own frames, in decoded frames of 16 x 16 codes."""


def rank_slice(count: int, rank: int, world_size: int) -> range:
    """The contiguous part of `range(count)` that belongs to a rank."""
    if not 0 <= rank < world_size:
        raise StoreError(f"rank should be in [0, {world_size}), found {rank}")
    return range(rank * count // world_size, (rank + 1) * count // world_size)


class StepBatches(Dataset[ClipBatch]):
    """One rank's batch of every step: step s holds samples `s * batch_size + j`."""

    def __init__(
        self, clips: RandomClips, source: ClipSource, batch_size: int, local: range
    ) -> None:
        self.clips = clips
        self.source = source
        self.batch_size = batch_size
        self.local = local

    def __getitem__(self, step: int) -> ClipBatch:
        """This rank's part of a step's batch."""
        first = step * self.batch_size
        return self.clips.batch(
            range(first + self.local.start, first + self.local.stop), self.source
        )


def clip_source(clips: RandomClips, readers: int) -> ClipSource:
    """The faster of two ways to read the same clips, for one of some processes that share them.

    Decoding whole shards costs all their frames in every view drawn from, and each process does
    it; reading clips alone costs the chunks they touch and some handling. A remote store is read
    by whole shards in any case.

    Args:
        clips: What will be read.
        readers: Processes that read a part of every shard each.
    """
    store = clips.store
    decoded = readers * len(clips.views) * float(store.frames.mean())
    read = clips.clips * (clips.span + CLIP_COST_FRAMES)
    if store.is_local and read < decoded:
        return store
    return DecodedShards(store, clips.shuffle_shards)


class ClipLoader:
    """Training batches from `start_step` to the last step, a pure function of the clips' seed.

    The global batch of step s is made of samples `s * batch_size` onwards, and epochs follow one
    another without a gap: a batch may span two, and a store may be smaller than a batch. Each
    rank takes its contiguous part, so merging the ranks in order gives the same batches at any
    world size. Iterating again starts at `start_step` again.

    Args:
        clips: Where samples come from.
        batch_size: Videos a step over all ranks; a multiple of `world_size`.
        steps: Number of the step to stop before.
        start_step: Step to start at, when a run resumes.
        rank: This process among `world_size`.
        world_size: Number of processes training together.
        workers: Processes that read ahead; 0 reads in this one.

    Raises:
        StoreError: `batch_size` does not divide evenly, or `rank` is out of range.
    """

    def __init__(
        self,
        clips: RandomClips,
        *,
        batch_size: int,
        steps: int,
        start_step: int = 0,
        rank: int = 0,
        world_size: int = 1,
        workers: int = 0,
    ) -> None:
        if batch_size < 1 or batch_size % world_size:
            raise StoreError(f"batch size {batch_size} should be a multiple of {world_size} ranks")
        self.steps = range(start_step, max(steps, start_step))
        source = clip_source(clips, world_size * max(workers, 1))
        batches = StepBatches(clips, source, batch_size, rank_slice(batch_size, rank, world_size))
        self.loader: DataLoader[ClipBatch] = make_loader(
            batches, workers, batch_size=None, sampler=self.steps
        )

    def __len__(self) -> int:
        """Number of steps left."""
        return len(self.steps)

    def __iter__(self) -> Iterator[ClipBatch]:
        """Batches of this rank, step by step."""
        return iter(self.loader)


def evaluation_loader(
    clips: EvaluationClips,
    *,
    batch_size: int,
    rank: int = 0,
    world_size: int = 1,
    workers: int = 0,
) -> DataLoader[EvaluationSample]:
    """Batches of evaluation clips, in order: `clips` `(n, K, T, h, w)`, `index`, `label` `(n,)`.

    Every video comes exactly once over all ranks; each rank takes a contiguous part, so their
    numbers of batches may differ by one.

    Args:
        clips: The videos.
        batch_size: Videos a batch, in this process.
        rank: This process among `world_size`.
        world_size: Number of processes evaluating together.
        workers: Processes that read ahead; 0 reads in this one.
    """
    part = Subset(clips, rank_slice(len(clips), rank, world_size))
    return make_loader(part, workers, batch_size=batch_size)


def make_loader(dataset: Dataset[Any], workers: int, **options: Any) -> DataLoader[Any]:
    """A DataLoader whose workers start afresh: forking a process that has threads may hang."""
    if workers:
        options |= {
            "multiprocessing_context": "spawn",
            "persistent_workers": True,
            "worker_init_fn": outlive_signals,
        }
    return Loader(dataset, num_workers=workers, pin_memory=torch.cuda.is_available(), **options)


def outlive_signals(worker: int) -> None:
    """Leave SIGINT and SIGTERM to the process that reads the batches, which ends its workers.

    A terminal's Ctrl-C and many schedulers signal the whole group, and a loop that means to save
    before it ends still needs its loader to be whole.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


class Loader(DataLoader[Any]):
    """A DataLoader that lets its user choose more workers than there are cores."""

    def check_worker_number_rationality(self) -> None:
        """Say nothing."""
