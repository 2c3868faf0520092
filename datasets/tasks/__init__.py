"""Labelled tasks: which videos belong to which class and split, read from the official files.

Labels are joined to a store by key when training starts; token shards never hold them. One file
a data set reads its label files into a `Listing`; `catalogue` names them; `join` finds the videos.
"""

from .catalogue import LABELS, TASKS, LabelSource, Task
from .class_names import read_class_names
from .join import LabelledSplit, StoredVideos, labelled_split
from .listing import TEST, TRAIN, VALIDATION, ListedVideo, Listing, TaskError

__all__ = [
    "LABELS",
    "TASKS",
    "TEST",
    "TRAIN",
    "VALIDATION",
    "LabelSource",
    "LabelledSplit",
    "ListedVideo",
    "Listing",
    "StoredVideos",
    "Task",
    "TaskError",
    "labelled_split",
    "read_class_names",
]
