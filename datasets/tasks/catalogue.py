"""The labelled tasks there are, and what reads the labels of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..format.views import parse_view
from .class_folders import read_any_class_folders, read_class_folders
from .class_names import read_class_names
from .diving48 import read_diving48
from .hmdb51 import FOLDER as HMDB51_FOLDER
from .hmdb51 import read_hmdb51
from .join import LabelledSplit, find_videos, labelled_split
from .kinetics400 import read_kinetics400
from .listing import TRAIN, VALIDATION, Listing, TaskError
from .plain_list import read_plain_list
from .ssv2 import read_ssv2
from .table import read_table
from .ucf101 import read_ucf101

LABELS = "labels"
"""The task of one's own label file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A labelled data set.

    Attributes:
        title: what people call it.
        files: what its annotations folder holds; empty where labels are in the store's keys.
        read: the folder and the number of the official split to a listing.
        read_keys: a store's keys to a listing, where labels are in the keys.
        splits: how many official splits there are.
        flip: whether a mirrored video is of the same class.
        by_stem: a video's name alone tells it, whatever folder it is in.
    """

    title: str
    files: str = ""
    read: Callable[[Path, int], Listing] | None = None
    read_keys: Callable[[Sequence[str]], Listing] | None = None
    splits: int = 1
    flip: bool = True
    by_stem: bool = True

    def views(self, stored: Sequence[str]) -> tuple[str, ...]:
        """Of a store's views those to train on: all, or none that is mirrored.

        Raises:
            TaskError: only mirrored views are there.
        """
        views = tuple(view for view in stored if self.flip or not parse_view(view).flip)
        if not views:
            raise TaskError(f"{self.title} must not be mirrored, and the store has only {stored}")
        return views


TASKS: dict[str, Task] = {
    "ssv2": Task(
        title="Something-Something V2",
        files="labels.json, train.json and validation.json",
        read=read_ssv2,
        flip=False,
    ),
    "diving48": Task(
        title="Diving48 V2",
        files="Diving48_vocab.json, Diving48_V2_train.json and Diving48_V2_test.json",
        read=read_diving48,
    ),
    "ucf101": Task(
        title="UCF101",
        files="classInd.txt, trainlist01.txt and testlist01.txt (02 and 03 for the other splits)",
        read=read_ucf101,
        splits=3,
    ),
    "hmdb51": Task(
        title="HMDB51",
        files=f"{HMDB51_FOLDER}/<class>_test_split1.txt (2 and 3 for the other splits)",
        read=read_hmdb51,
        splits=3,
    ),
    "kinetics400": Task(
        title="Kinetics-400", files="train.csv, val.csv and test.csv", read=read_kinetics400
    ),
    "motion": Task(title="synthetic motion", read_keys=read_class_folders, by_stem=False),
    "folder": Task(title="class folders", read_keys=read_any_class_folders, by_stem=False),
    LABELS: Task(title="a label file", files="a list or a csv file with a header", by_stem=False),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelSource:
    """Where labels come from; a run records it, to find the held-out videos again.

    Attributes:
        task: a name in `TASKS`.
        annotations: the folder of label files; of the task `labels` the file; none where labels
            are in the store's keys.
        official_split: which of the task's splits, from 1.
        class_names: a file of class names, one a line, for label files that hold numbers.
    """

    task: str
    annotations: str | None = None
    official_split: int = 1
    class_names: str | None = None

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise TaskError(f"unknown task {self.task!r}; there are {', '.join(sorted(TASKS))}")
        splits = TASKS[self.task].splits
        if not 1 <= self.official_split <= splits:
            raise TaskError(
                f"task {self.task} has official splits 1 to {splits}, not {self.official_split}"
            )

    @property
    def kind(self) -> Task:
        """The task by its name."""
        return TASKS[self.task]

    def place(self) -> Path:
        """Where the label files are, for tasks that have some.

        Raises:
            TaskError: they are not there.
        """
        place = Path(self.annotations or "nowhere")
        if self.kind.read is None and not place.is_file():
            raise TaskError(f"no label file at {place}: it is {self.kind.files}")
        if self.kind.read is not None and not place.is_dir():
            raise TaskError(
                f"no label files at {place}: put {self.kind.files} of {self.kind.title} there, or "
                "name their folder with --annotations"
            )
        return place

    def read(
        self, keys: Sequence[str] = (), *, split: str = TRAIN, names: Sequence[str] | None = None
    ) -> Listing:
        """Read the labels.

        Args:
            keys: the store's, for tasks whose labels are in them.
            split: what the videos of a label file without a split column are for.
            names: a model's classes, for label files that hold numbers.

        Raises:
            TaskError: label files are missing or not understood, naming the line.
        """
        if self.kind.read_keys is not None:
            return self.kind.read_keys(keys)
        place = self.place()
        if self.kind.read is not None:
            return self.kind.read(place, self.official_split)
        if names is None and self.class_names is not None:
            names = read_class_names(Path(self.class_names))
        reader = read_table if place.suffix.lower() == ".csv" else read_plain_list
        return reader(place, split, names)

    def find(self, keys: Sequence[str]) -> tuple[list[int], list[str]]:
        """Which of the videos with these keys are listed, whatever their split.

        Returns:
            Their numbers, ascending, and the keys of listed videos that are not among them.
        """
        listing = self.read(keys)
        numbers = find_videos(listing, keys, by_stem=self.kind.by_stem)
        missing = [video.key for video in listing.videos if video.key not in numbers]
        return sorted(set(numbers.values())), missing

    def join(
        self,
        keys: Sequence[str],
        split: str | None = None,
        classes: Sequence[str] | None = None,
        *,
        given: bool = False,
    ) -> LabelledSplit:
        """Find one split's videos in the store whose keys are given; see `labelled_split`.

        Args:
            keys: the store's keys in order.
            split: none is the held-out one: validation, or test where only that has labels.
            classes: the names a model was trained on; none takes the labels' own.
            given: a label file without a split column is of the split that is asked for, not of
                the training videos.

        Raises:
            TaskError: see `read` and `labelled_split`.
        """
        unsplit = (split or VALIDATION) if given else TRAIN
        listing = self.read(keys, split=unsplit, names=classes)
        return labelled_split(
            listing, keys, split or listing.held_out, by_stem=self.kind.by_stem, classes=classes
        )
