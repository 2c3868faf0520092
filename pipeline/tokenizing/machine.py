"""What this machine has: cores, cards, and its place in a job array."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

from ..errors import PipelineError


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: at a frame at a time more gain nothing, and all kernels are alike."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def devices(wanted: str) -> tuple[str, ...]:
    """The devices to work on, one worker each; only `cpu` may have several workers.

    Raises:
        PipelineError: there is no such device.
    """
    cards = tuple(f"cuda:{card}" for card in range(torch.cuda.device_count()))
    if wanted in ("auto", "cuda"):
        found = cards or (("cpu",) if wanted == "auto" else ())
    elif wanted == "cpu":
        found = ("cpu",)
    else:
        found = tuple(name for name in wanted.split(",") if name in cards)
    if not found or ("," in wanted and len(found) != wanted.count(",") + 1):
        raise PipelineError(
            f"unknown device {wanted!r}; this machine has cpu {' '.join(cards)}".rstrip()
        )
    return found


def ray_device(wanted: str, resources: Mapping[str, float]) -> str:
    """`auto` is `cuda` where a Ray cluster has cards, else `cpu`; those are as they are."""
    return wanted if wanted != "auto" else "cuda" if resources.get("GPU", 0) >= 1 else "cpu"


def part_of(shards: int, part: str | None) -> range:
    """The shards that `--shard i/n` leaves to this run; i counts from 0 or from 1.

    Raises:
        PipelineError: it is not two whole numbers with n above 0.
    """
    if part is None:
        return range(shards)
    match = re.fullmatch(r"(\d+)/(\d+)", part)
    if match is None or not int(match[2]) or int(match[1]) > int(match[2]):
        raise PipelineError(f"--shard should be i/n, i from 0 to n - 1 or 1 to n, not {part}")
    number, count = int(match[1]), int(match[2])
    return range(number % count, shards, count)


def part_in_array(environment: Mapping[str, str]) -> str | None:
    """The part that a SLURM array task has, as `i/n`; None outside an array.

    Raises:
        PipelineError: the array has gaps, so that a task's place in it is not known.
    """
    names = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX")
    if not all(environment.get(name, "").isdigit() for name in names):
        return None
    number, first, last = (int(environment[name]) for name in names)
    step = int(environment.get("SLURM_ARRAY_TASK_STEP", "1"))
    count = int(environment.get("SLURM_ARRAY_TASK_COUNT", (last - first) // step + 1))
    if (last - first) // step + 1 != count:
        raise PipelineError(
            f"the job array has gaps ({count} tasks from {first} to {last}): give --shard i/n"
        )
    return f"{(number - first) // step}/{count}"
