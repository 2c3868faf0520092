"""`vimpac model`: what a model is made of, with no store at hand."""

from typing import Annotated

import typer

from ...trainer import model_info
from ..console import emit
from .options import Frames, Json, Layout

app = typer.Typer(help="Models: sizes and shapes.", no_args_is_help=True)


@app.callback()
def model() -> None:
    """Models: sizes and shapes."""


@app.command()
def info(
    preset: Annotated[str, typer.Option(help="debug, tiny, small, base or large.")] = "small",
    frames: Frames = 5,
    size: Annotated[int, typer.Option(help="Frame side in pixels.")] = 128,
    vocab: Annotated[int, typer.Option("--vocab", help="Codes of the tokenizer.")] = 8192,
    compression: Annotated[int, typer.Option(help="Pixels a token's side.")] = 8,
    layout: Layout = None,
    mask_blocks: Annotated[int, typer.Option(help="Boxes of a clip's block mask.")] = 5,
    json: Json = False,
) -> None:
    """Count a model's parameters and the share of tokens its masks hide."""
    document = model_info(
        preset=preset,
        frames=frames,
        size=size,
        vocabulary=vocab,
        compression=compression,
        layout=layout,
        mask_boxes=mask_blocks,
    )
    emit(document, as_json=json, title=f"model {preset}")
