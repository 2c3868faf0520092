"""Videos in class folders: their keys in the store are their labels."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import PurePosixPath

from .listing import SPLIT_NAMES, TRAIN, VALIDATION, ListedVideo, Listing, TaskError, sorted_classes

HELD_OUT_SHARE = 10
"""Of the videos of a class without split folders, one in so many is for validation."""


def read_class_folders(keys: Sequence[str]) -> Listing:
    """Read labels off keys that end in `SPLIT/CLASS/NAME`, below any other folders.

    SPLIT is a name in `SPLIT_NAMES`. Keys of another form are unlabelled videos and are left out.
    Classes are the sorted folders of the training split, of all where that is empty.

    Raises:
        TaskError: no key has the form.
    """
    videos = []
    for key in keys:
        parts = PurePosixPath(key).parts
        if len(parts) >= 3 and parts[-3] in SPLIT_NAMES:
            videos.append(ListedVideo(key=key, label=parts[-2], split=SPLIT_NAMES[parts[-3]]))
    if not videos:
        raise TaskError(
            "the store has no video of a class folder: tokenize a folder that holds "
            "train/CLASS/NAME.mp4 and validation/CLASS/NAME.mp4 "
            "(`vimpac synth motion OUT` makes one)"
        )
    return Listing(classes=sorted_classes(videos), videos=tuple(videos))


def read_any_class_folders(keys: Sequence[str]) -> Listing:
    """As `read_class_folders`; where no key has a split, keys that are `CLASS/NAME`.

    Of every class at least one video, and one in `HELD_OUT_SHARE`, is then held out for
    validation, chosen by the sha256 of its key.

    Raises:
        TaskError: no key has either form, or there is but one class.
    """
    folders: dict[str, list[str]] = {}
    for key in keys:
        parts = PurePosixPath(key).parts
        if len(parts) >= 3 and parts[-3] in SPLIT_NAMES:
            return read_class_folders(keys)
        if len(parts) == 2:
            folders.setdefault(parts[0], []).append(key)
    if len(folders) < 2:
        return read_class_folders(keys)
    videos = []
    for label, members in sorted(folders.items()):
        held_out = -(-len(members) // HELD_OUT_SHARE) if len(members) > 1 else 0
        for place, key in enumerate(sorted(members, key=lambda key: sha256(key.encode()).digest())):
            split = VALIDATION if place < held_out else TRAIN
            videos.append(ListedVideo(key=key, label=label, split=split))
    return Listing(classes=sorted_classes(videos), videos=tuple(videos))
