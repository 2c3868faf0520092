"""`vimpac preview`: see what tokens keep and what a model fills in."""

from pathlib import Path
from typing import Annotated

import typer

from ...tokenizer import load_tokenizer
from ...trainer import Run as TrainingRun
from ...trainer import load_pretrained
from ..console import emit
from ..picture import draw_fill_in
from . import options


def preview(
    run: options.Run,
    videos: Annotated[list[Path], typer.Argument(help="Video files.")],
    out: Annotated[Path, typer.Option(help="The PNG to write.")] = Path("fill_in.png"),
    trust: options.Trust = False,
    json: options.Json = False,
) -> None:
    """Draw frames, their reconstruction from tokens, a mask, and a pre-trained run's fill-in."""
    trained = TrainingRun(run)
    config = trained.config
    draw_fill_in(
        videos,
        load_pretrained(trained),
        load_tokenizer(run / "tokenizer", trust=trust),
        out,
        fps=config["tokens"]["fps"] / config["stride"],
        size=config["tokens"]["size"],
        boxes=config["mask"]["boxes"],
    )
    emit({"picture": str(out)}, as_json=json, title=f"preview of {run}")
