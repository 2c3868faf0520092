"""Labelled tasks: which videos of a store belong to which class and split.

Labels are joined to a store by key when training starts; token shards never hold them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from .errors import StoreError

TRAIN, VALIDATION = "train", "validation"
SPLIT_NAMES = {"train": TRAIN, "validation": VALIDATION, "val": VALIDATION, "test": VALIDATION}


class TaskError(StoreError):
    """A user's mistake about a task or its labels; its text is one clear line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledVideo:
    """A video of a task: its key in the store, its class by name, its split."""

    key: str
    label: str
    split: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledSplit:
    """One split of a task joined to a store.

    Attributes:
        classes: names in label order.
        indices: `(n,)` int64, places of the videos in the store.
        labels: `(n,)` int64, in [0, len(classes)).
    """

    classes: tuple[str, ...]
    indices: NDArray[np.int64]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.indices)


def videos_in_class_folders(keys: Sequence[str]) -> list[LabelledVideo]:
    """Read labels off keys that end in `SPLIT/CLASS/NAME`, below any other folders.

    SPLIT is `train`, `validation`, `val` or `test`; keys of another form are unlabelled videos and
    are left out.
    """
    videos = []
    for key in keys:
        parts = PurePosixPath(key).parts
        if len(parts) >= 3 and parts[-3] in SPLIT_NAMES:
            videos.append(LabelledVideo(key=key, label=parts[-2], split=SPLIT_NAMES[parts[-3]]))
    return videos


TASKS: dict[str, Callable[[Sequence[str]], list[LabelledVideo]]] = {
    "motion": videos_in_class_folders,
    "folder": videos_in_class_folders,
}
"""What reads a task's labels, given the keys of a store."""


def task_classes(videos: Sequence[LabelledVideo]) -> tuple[str, ...]:
    """Class names in label order: the sorted labels of the training split."""
    return tuple(sorted({video.label for video in videos if video.split == TRAIN}))


def labelled_split(
    task: str, keys: Sequence[str], split: str, classes: Sequence[str] | None = None
) -> LabelledSplit:
    """Join one split of `task` to the store whose keys are given.

    Args:
        task: a name in `TASKS`.
        keys: the store's keys in order.
        split: `train` or `validation`.
        classes: the names a model was trained on; none takes them from the training split.

    Raises:
        TaskError: an unknown task, no video of the split in the store, or a class the model does
            not know.
    """
    if task not in TASKS:
        raise TaskError(f"unknown task {task!r}; there are {', '.join(sorted(TASKS))}")
    videos = TASKS[task](keys)
    names = tuple(classes) if classes is not None else task_classes(videos)
    chosen = [video for video in videos if video.split == split]
    if not chosen:
        raise TaskError(
            f"task {task}: the store has no {split} video; tokenize a folder that holds "
            f"{split}/CLASS/NAME.mp4 (`vimpac synth motion OUT` makes one)"
        )
    label_of = {name: label for label, name in enumerate(names)}
    unknown = sorted({video.label for video in chosen} - label_of.keys())
    if unknown:
        raise TaskError(
            f"task {task}: {split} videos of classes that training has not: {', '.join(unknown)}"
        )
    place = {key: index for index, key in enumerate(keys)}
    return LabelledSplit(
        classes=names,
        indices=np.array([place[video.key] for video in chosen], dtype=np.int64),
        labels=np.array([label_of[video.label] for video in chosen], dtype=np.int64),
    )
