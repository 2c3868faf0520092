"""The options that tell where labels come from, and where they are looked for by default."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from ...datasets import TASKS, LabelSource
from ...datasets.tasks import LABELS, read_class_names
from ..errors import PipelineError

ANNOTATIONS = Path("annotations")

TaskOption = Annotated[
    str | None, typer.Option("--task", help=f"One of {', '.join(t for t in TASKS if t != LABELS)}.")
]
AnnotationsOption = Annotated[
    Path | None,
    typer.Option("--annotations", help="The folder of the official label files; annotations/TASK."),
]
LabelsOption = Annotated[
    Path | None,
    typer.Option("--labels", help="One's own labels: lines `path label`, or csv with a header."),
]
OfficialSplitOption = Annotated[
    int | None, typer.Option("--official-split", help="Which of a task's splits, 1 to 3; 1.")
]
ClassNamesOption = Annotated[
    Path | None,
    typer.Option("--class-names", help="Names, one a line, for --labels that are numbers."),
]


def label_source(given: Mapping[str, Any]) -> LabelSource | None:
    """Where labels come from by the options above; none where none of them was given.

    Raises:
        PipelineError: options that do not go together.
        TaskError: an unknown task, or no such split.
    """
    task, file = given.get("task"), given.get("labels")
    if file is not None and task not in (None, LABELS):
        raise PipelineError(f"--labels are one's own, --task {task} has its own: give one of them")
    if task not in (None, LABELS) and "class_names" in given:
        raise PipelineError(f"--class-names are for --labels: --task {task} names its own classes")
    if task is None and file is None:
        names = ("annotations", "official_split")
        if alone := [name.replace("_", "-") for name in names if name in given]:
            raise PipelineError(f"--{alone[0]} needs --task or --labels")
        return None
    source = LabelSource(
        task=task or LABELS,
        official_split=given.get("official_split", 1),
        class_names=str(given["class_names"]) if "class_names" in given else None,
    )
    if source.kind.read_keys is not None:
        return source
    place = file or given.get("annotations") or ANNOTATIONS / source.task
    return replace(source, annotations=str(place))


def knn_source(given: Mapping[str, Any]) -> LabelSource | None:
    """Labels of the task that `pretrain --knn` names; none where it names none.

    Raises:
        PipelineError: --annotations without --knn.
        TaskError: an unknown task.
    """
    if "knn" not in given and "annotations" in given:
        raise PipelineError("--annotations needs --knn")
    return label_source({**given, "task": given.get("knn")})


def class_names_of(given: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The class names that the options above tell, in label order; none where they tell none.

    Raises:
        PipelineError: options that do not go together.
        TaskError: the label files are missing or not understood.
    """
    source = label_source(given)
    if "class_names" in given:
        return read_class_names(given["class_names"])
    return None if source is None or source.kind.read_keys is not None else source.read().classes
