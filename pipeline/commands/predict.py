"""`vimpac predict`: name what a video shows."""

from pathlib import Path
from typing import Annotated

import typer

from ...trainer import choose_device
from ..console import emit
from ..predict import Predictor
from . import options


def predict(
    run: options.Run,
    videos: Annotated[list[Path], typer.Argument(help="Videos, or folders of them.")],
    top: Annotated[int, typer.Option(help="Classes to name.")] = 5,
    clips: Annotated[int, typer.Option(help="Clips evenly spaced in a video.")] = 10,
    crops: Annotated[
        int | None, typer.Option(help="Squares of a frame, 1 or 3; as the task's recipe.")
    ] = None,
    device: options.Device = "auto",
    trust: options.Trust = False,
    json: options.Json = False,
) -> None:
    """Predict the classes of videos with a fine-tuned run: decode, tokenize, classify."""
    predictor = Predictor(run, device=choose_device(device), clips=clips, crops=crops, trust=trust)
    predictions = predictor.predict(videos, top=top)
    if json:
        emit({"predictions": predictions}, as_json=True, title="")
        return
    for prediction in predictions:
        emit(prediction, as_json=False, title=str(prediction["video"]))
