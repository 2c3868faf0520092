"""An evaluation's figures, and its answer for each video."""

import csv
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import TrainingError
from .tally import Tally


def accuracies(tally: Tally, classes: Sequence[str]) -> dict[str, Any]:
    """Top-1, top-5, mean class accuracy, by class and by number of views.

    Args:
        tally: of all ranks.
        classes: names in label order.

    Returns:
        `top1`, `top5`, `mean_class_accuracy` over the classes that have videos, `chance`,
        `class_accuracy` by name, `per_class` as a table, `accuracy_by_views` of the first 1, 2,
        ... views, and `confusion_matrix`, row = class, column = answer, in label order.
    """
    videos = int(tally.confusion.sum())
    by_class = list(_by_class(tally.confusion, classes))
    by_views = [
        {"views": views, "top1": int(first) / videos, "top5": int(five) / videos}
        for views, (first, five) in enumerate(tally.right.tolist(), 1)
    ]
    return {
        "top1": by_views[-1]["top1"],
        "top5": by_views[-1]["top5"],
        "mean_class_accuracy": sum(row["accuracy"] for row in by_class) / len(by_class),
        "chance": 1 / len(classes),
        "class_accuracy": {row["class"]: row["accuracy"] for row in by_class},
        "per_class": by_class,
        "accuracy_by_views": by_views,
        "confusion_matrix": tally.confusion.tolist(),
    }


def _by_class(confusion: Tensor, classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Of each class with videos, how many are right, and what they are most taken for."""
    for label, answers in enumerate(confusion):
        videos, right = int(answers.sum()), int(answers[label])
        if not videos:
            continue
        wrong = answers.clone()
        wrong[label] = 0
        yield {
            "class": classes[label],
            "videos": videos,
            "right": right,
            "accuracy": right / videos,
            "most_taken_for": classes[int(wrong.argmax())] if right < videos else None,
        }


def answers(tally: Tally, keys: Sequence[str], classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    """One row a video: its key and class, and the likeliest classes with their probabilities."""
    for place in range(tally.counted):
        label, best = int(tally.label[place]), tally.best[place].tolist()
        yield {
            "video": keys[int(tally.index[place])],
            "class": classes[label],
            "predicted": classes[best[0]],
            "right": best[0] == label,
            "best": [
                {"class": classes[guess], "probability": probability}
                for guess, probability in zip(best, tally.probability[place].tolist(), strict=True)
            ],
        }


def refuse_unwritable(path: Path) -> None:
    """Raise TrainingError or OSError where `write_answers` could not write."""
    if path.suffix not in (".csv", ".jsonl"):
        raise TrainingError(f"{path} should end in .csv or .jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path.parent):
        pass


def write_answers(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    """Write rows of `answers` as JSON lines, or as csv where the file's name ends so.

    Raises:
        TrainingError: the name ends in neither `.jsonl` nor `.csv`.
    """
    refuse_unwritable(path)
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".jsonl":
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            return
        table = csv.writer(file)
        for place, row in enumerate(rows):
            if not place:
                names = [
                    f"{n}_{k}"
                    for k in range(1, len(row["best"]) + 1)
                    for n in ("class", "probability")
                ]
                table.writerow(["video", "class", "predicted", "right", *names])
            best = [value for guess in row["best"] for value in guess.values()]
            table.writerow([row["video"], row["class"], row["predicted"], int(row["right"]), *best])
