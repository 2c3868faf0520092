"""`vimpac evaluate`: how good a run is on held-out videos."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ...datasets import LabelSource, TokenStore
from ...trainer import (
    EvaluationConfig,
    evaluate_classifier,
    evaluate_features,
    evaluate_pretraining,
    join,
)
from ...trainer import Run as TrainingRun
from ..console import emit
from ..errors import PipelineError
from . import labels as label_options
from . import options
from .labels import label_source
from .training import given_options, refuse_unread

CLASSES = ("split", "clips", "crops", "class_names", "workers")
"""Options that an evaluation of masked tokens does not read."""

OTHERS = ("only", "crops", "predictions", "workers")
"""Options that --knn and --linear-probe do not read."""


def evaluate(
    context: typer.Context,
    run: options.Run,
    tokens: options.TokensOption = None,
    cache: options.TokensCache = None,
    task: label_options.TaskOption = None,
    annotations: label_options.AnnotationsOption = None,
    labels: label_options.LabelsOption = None,
    official_split: label_options.OfficialSplitOption = None,
    class_names: label_options.ClassNamesOption = None,
    split: Annotated[
        str | None, typer.Option(help="Of the task: train, validation or test; the held-out one.")
    ] = None,
    clips: Annotated[int, typer.Option(help="Clips evenly spaced in a video.")] = 10,
    crops: Annotated[
        int | None, typer.Option(help="Squares of a frame, 1 or 3; as the task's recipe.")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="A .jsonl or .csv file for each video's classes.")
    ] = None,
    only: Annotated[
        str | None, typer.Option(help="Of a pre-trained run: keys, as '*/validation/*'.")
    ] = None,
    knn: Annotated[
        bool, typer.Option("--knn", help="Of a pre-trained run: classes by nearest neighbours.")
    ] = False,
    linear_probe: Annotated[
        bool, typer.Option("--linear-probe", help="Of a pre-trained run: by a linear classifier.")
    ] = False,
    device: options.Device = "auto",
    workers: options.Workers = 0,
    json: options.Json = False,
) -> None:
    """Evaluate a run: classes of a fine-tuned one, masked tokens of a pre-trained one.

    The store and the labels are the run's own where no others are named. Of a pre-trained run,
    --knn and --linear-probe tell the classes of --task or --labels with nothing fine-tuned.
    """
    given, trained = given_options(context), TrainingRun(run)
    source = label_source(given)
    methods = [name for name, on in (("knn", knn), ("linear_probe", linear_probe)) if on]
    classifies = trained.config["kind"] != "pretrain"
    if not classifies and not methods:
        refuse_labels(source, predictions)
        refuse_unread(given, CLASSES, "an evaluation of masked tokens")
    elif methods:
        refuse_unread(given, OTHERS, "telling classes by features")
    else:
        refuse_unread(given, ("only",), "an evaluation of a fine-tuned run")
    with join(device) as distributed:
        store = TokenStore.open(tokens or recorded_store(trained), cache=cache)
        if not classifies and not methods:
            report = evaluate_pretraining(trained, store, only=only, device=distributed.device)
        elif methods:
            if source is None:
                raise PipelineError("--task or --labels should say which classes to tell")
            report = evaluate_features(
                trained, store, source, methods, split=split, clips=clips, distributed=distributed
            )
        else:
            config = EvaluationConfig(
                labels=source, split=split, clips=clips, crops=crops, workers=workers
            )
            report = evaluate_classifier(
                trained, store, config, distributed=distributed, predictions=predictions
            )
        if distributed.leads:
            emit(report if json else readable(report), as_json=json, title=f"{run} on {store.path}")


def refuse_labels(source: LabelSource | None, predictions: Path | None) -> None:
    """Raise PipelineError where a pre-trained run is asked for classes it has not learned."""
    if source is not None or predictions is not None:
        raise PipelineError(
            "a pre-training run has no classifier: fine-tune it first, or tell classes by its "
            "features with --knn or --linear-probe"
        )


def recorded_store(run: TrainingRun) -> str:
    """Where a run's tokens were.

    Raises:
        PipelineError: the run does not say.
    """
    path = (run.config.get("tokens") or {}).get("path")
    if path is None:
        raise PipelineError(
            f"{run.path} does not say where its tokens are: name them with --tokens"
        )
    return str(path)


def readable(report: dict[str, Any]) -> dict[str, Any]:
    """A report without its long tables, which are for --json."""
    long = ("confusion_matrix", "per_class", "accuracy_by_views", "missing")
    shown = {name: value for name, value in report.items() if name not in long}
    if report.get("missing"):
        shown["missing"] = len(report["missing"])
    for row in report.get("per_class", ()):
        if row["most_taken_for"]:
            shown.setdefault("most_taken_for", {})[row["class"]] = row["most_taken_for"]
    return shown
