"""HMDB51: `testTrainMulti_7030_splits/<class>_test_split1.txt`, and 2 and 3.

Flag 1 is training, 2 the validation split, 0 unused. Names hold `(`, `)` and `!`; nothing here
takes them for patterns.
"""

from pathlib import Path

from .listing import (
    TRAIN,
    VALIDATION,
    ListedVideo,
    Listing,
    TaskError,
    numbered_lines,
    without_extension,
)

SPLITS = {"1": TRAIN, "2": VALIDATION}
UNUSED = "0"
FOLDER = "testTrainMulti_7030_splits"


def read_hmdb51(folder: Path, split: int = 1) -> Listing:
    """Read the official files; a class is a file's name, classes are sorted.

    Raises:
        TaskError: there is no file of the split, or a line is no name and flag, naming it.
    """
    ending = f"_test_split{split}.txt"
    place = folder / FOLDER if (folder / FOLDER).is_dir() else folder
    files = {
        path.name.removesuffix(ending): path
        for path in place.iterdir()
        if path.name.endswith(ending)
    }
    if not files:
        raise TaskError(f"{place} lacks <class>{ending}: put the official {FOLDER} there")
    videos = []
    for label, path in sorted(files.items()):
        for where, line in numbered_lines(path):
            name, _, flag = line.rpartition(" ")
            if not name.strip() or flag not in (*SPLITS, UNUSED):
                raise TaskError(f"{where}: should be `name.avi FLAG`, FLAG 0, 1 or 2: {line!r:.80}")
            if flag != UNUSED:
                key = f"{label}/{without_extension(name.strip())}"
                videos.append(ListedVideo(key=key, label=label, split=SPLITS[flag], where=where))
    return Listing(classes=tuple(sorted(files)), videos=tuple(videos))
