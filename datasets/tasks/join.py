"""Listed videos found in a store: the same video, whatever folders it was tokenized from."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from ..errors import NO_VIDEOS, StoreError
from .listing import ListedVideo, Listing, TaskError

SHOWN = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledSplit:
    """One split of a task joined to a store.

    Attributes:
        split: its name.
        classes: names in label order.
        indices: `(n,)` int64, numbers of the videos in the store, ascending.
        labels: `(n,)` int64, in [0, len(classes)).
        listed: labelled videos that the task names in this split.
        missing: keys of those that are not in the store.
    """

    split: str
    classes: tuple[str, ...]
    indices: NDArray[np.int64]
    labels: NDArray[np.int64]
    listed: int
    missing: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.indices)

    def to_dict(self) -> dict[str, object]:
        """What a run records of its videos: how many, and a hash of them with their labels."""
        digest = sha256(self.indices.tobytes() + self.labels.tobytes()).hexdigest()
        return {"found": len(self), "listed": self.listed, "sha256": digest}

    def report(self) -> str:
        """`N of M listed videos found`, and the first of the missing."""
        text = (
            f"{self.listed - len(self.missing)} of {self.listed} listed {self.split} videos found"
        )
        if not self.missing:
            return text
        rest = len(self.missing) - SHOWN
        more = f" and {rest} more" if rest > 0 else ""
        return f"{text}; missing: {', '.join(self.missing[:SHOWN])}{more}"


class StoredVideos:
    """The videos of a store, found by the names that label files give them.

    Args:
        keys: the store's keys in order.
        classes: names of the task's classes: a video in the folder of one is of no other.
        by_stem: a video's name alone tells it; else its whole listed path must agree with as much
            of its stored path as there is.
    """

    def __init__(self, keys: Sequence[str], classes: Sequence[str], *, by_stem: bool) -> None:
        self.keys = keys
        self.by_stem = by_stem
        self._folders = {folder_name(name) for name in classes}
        self._by_stem: dict[str, list[int]] = {}
        for number, key in enumerate(keys):
            self._by_stem.setdefault(key.rpartition("/")[2], []).append(number)

    def find(self, video: ListedVideo) -> int | None:
        """The number of a listed video in the store, none where it is not there.

        Raises:
            TaskError: several stored videos may be meant.
        """
        listed = video.key.split("/")
        candidates = {
            number: agreement(listed, self.keys[number].split("/"))
            for number in self._by_stem.get(listed[-1], ())
            if self._may_be(video, listed, self.keys[number].split("/"))
        }
        best = [n for n, agreed in candidates.items() if agreed == max(candidates.values())]
        exact = [number for number in best if self.keys[number] == video.key]
        if len(exact or best) > 1:
            first, second = (self.keys[number] for number in best[:2])
            raise TaskError(
                f"{video.where}: {video.key} may be {first} or {second} of the store: tokenize "
                "from one folder, or list longer paths"
            )
        return next(iter(exact or best), None)

    def _may_be(self, video: ListedVideo, listed: list[str], stored: list[str]) -> bool:
        if not self.by_stem:
            return agreement(listed, stored) == min(len(listed), len(stored))
        folder = folder_name(stored[-2]) if len(stored) > 1 else ""
        other_class = folder in self._folders and folder != folder_name(video.label or folder)
        return not other_class


def agreement(first: list[str], second: list[str]) -> int:
    """Of two paths, how many last parts are equal; folders as `folder_name` has them."""
    count = 0
    for one, other in zip(reversed(first), reversed(second), strict=False):
        if one != other and folder_name(one) != folder_name(other):
            break
        count += 1
    return count


def folder_name(name: str) -> str:
    """A class as a folder's name, whichever way its spaces and capitals are written."""
    return name.replace("_", " ").lower()


def labelled_split(
    listing: Listing,
    keys: Sequence[str],
    split: str,
    *,
    by_stem: bool,
    classes: Sequence[str] | None = None,
) -> LabelledSplit:
    """Join one split of a task to the store whose keys are given.

    Args:
        listing: what the task's label files say.
        keys: the store's keys in order.
        split: `train`, `validation` or `test`.
        by_stem: see `StoredVideos`.
        classes: the names a model was trained on; none takes the listing's.

    Raises:
        TaskError: no video of the split is listed or none is in the store, a class that the
            model does not know, or two lines that disagree about one video.
        StoreError: the store holds no video at all.
    """
    names = tuple(classes) if classes is not None else listing.classes
    videos = listing.of_split(split)
    if not videos:
        raise TaskError(f"no labelled {split} video is listed; give another --split or label file")
    label_of = {name: label for label, name in enumerate(names)}
    unknown = sorted({str(video.label) for video in videos} - label_of.keys())
    if unknown:
        raise TaskError(f"{split} videos of classes that training has not: {', '.join(unknown)}")
    if not len(keys):
        raise StoreError(NO_VIDEOS)
    numbers = find_videos(listing, keys, by_stem=by_stem)
    found = {numbers[video.key]: video for video in videos if video.key in numbers}
    if not found:
        raise TaskError(
            f"none of the {len(videos)} listed {split} videos is in the store: listed is for "
            f"instance {videos[0].key!r}, stored {keys[0]!r}"
        )
    indices = sorted(found)
    return LabelledSplit(
        split=split,
        classes=names,
        indices=np.array(indices, dtype=np.int64),
        labels=np.array([label_of[str(found[index].label)] for index in indices], dtype=np.int64),
        listed=len(videos),
        missing=tuple(video.key for video in videos if video.key not in numbers),
    )


def find_videos(listing: Listing, keys: Sequence[str], *, by_stem: bool) -> dict[str, int]:
    """The number in the store of every listed video that is there, by the key that lists it.

    Raises:
        TaskError: several stored videos may be meant, or two lines disagree about one video.
    """
    stored = StoredVideos(keys, listing.classes, by_stem=by_stem)
    numbers: dict[str, int] = {}
    lister: dict[int, ListedVideo] = {}
    for video in listing.videos:
        number = stored.find(video)
        if number is None:
            continue
        numbers[video.key] = number
        first = lister.setdefault(number, video)
        if None not in (first.label, video.label) and first.label != video.label:
            raise TaskError(
                f"{video.where}: {keys[number]} is {video.label}, but {first.label} in "
                f"{first.where}"
            )
    return numbers
