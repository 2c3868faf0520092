"""Kinetics-400: the csv files of the release, read by their headers.

Columns are `label,youtube_id,time_start,time_end,split`, in any order, some releases with more;
test files have no label. A split is told by its column, else by the file's name. Videos are
`<youtube_id>_<start:06d>_<end:06d>.mp4`, flat or in class folders.
"""

from collections.abc import Mapping
from pathlib import Path

from .listing import TRAIN, ListedVideo, Listing, TaskError, sorted_classes, split_named
from .table import files_ending_in, read_rows


def read_kinetics400(folder: Path, split: int = 1) -> Listing:
    """Read every csv file with a `youtube_id`; classes are the sorted labels of the training split.

    Raises:
        TaskError: there is none, or a row is not understood, naming the line.
    """
    videos = [
        read_video(row, path, where)
        for path in files_ending_in(folder, ".csv")
        for where, row in read_rows(path)
        if "youtube_id" in row
    ]
    classes = sorted_classes(videos)
    if not any(video.split == TRAIN for video in videos):
        raise TaskError(
            f"{folder} has no csv file with the columns label, youtube_id, time_start, time_end "
            "and split that lists training videos: put the official train.csv there"
        )
    known = set(classes)
    for video in videos:
        if video.label is not None and video.label not in known:
            raise TaskError(f"{video.where}: no training video has the label {video.label!r}")
    return Listing(classes=classes, videos=tuple(videos))


def read_video(row: Mapping[str, str], path: Path, where: str) -> ListedVideo:
    """The video of a row."""
    name = row.get("split") or path.stem.replace("-", "_").split("_")[-1]
    try:
        start, end = (int(float(row[column])) for column in ("time_start", "time_end"))
    except (KeyError, ValueError):
        raise TaskError(f"{where}: time_start and time_end should be seconds") from None
    return ListedVideo(
        key=f"{row['youtube_id']}_{start:06d}_{end:06d}",
        label=row.get("label") or None,
        split=split_named(name, where),
        where=where,
    )
