"""`vimpac evaluate`: how good a run is on held-out videos."""

from pathlib import Path
from typing import Annotated

import typer

from ...datasets import TokenStore
from ...trainer import Run as TrainingRun
from ...trainer import choose_device, evaluate_classifier, evaluate_pretraining
from ..console import emit
from . import options


def evaluate(
    run: options.Run,
    tokens: options.TokensOption = None,
    split: Annotated[
        str | None, typer.Option(help="Of the task: train, validation or test; the held-out one.")
    ] = None,
    only: Annotated[
        str | None, typer.Option(help="Of a pre-trained run: keys, as '*/validation/*'.")
    ] = None,
    clips: Annotated[int, typer.Option(help="Clips evenly spaced in a video.")] = 10,
    device: options.Device = "auto",
    json: options.Json = False,
) -> None:
    """Evaluate a run: classes of a fine-tuned one, masked tokens of a pre-trained one.

    The store is the run's own where --tokens names no other.
    """
    trained, where = TrainingRun(run), choose_device(device)
    store = TokenStore.open(tokens or Path(trained.config["tokens"]["path"]))
    if trained.config["kind"] == "pretrain":
        report = evaluate_pretraining(trained, store, only=only, device=where)
    else:
        report = evaluate_classifier(trained, store, split=split, clips=clips, device=where)
    emit(report, as_json=json, title=f"{run} on {store.path}")
