"""`vimpac demo`: the main job, end to end."""

from pathlib import Path
from typing import Annotated

import typer

from ..console import emit
from ..demo import run_demo
from .options import Json


def demo(
    out: Annotated[Path, typer.Option(help="The folder to fill.")] = Path("demo"),
    json: Json = False,
) -> None:
    """Tokenize real video, pre-train, fine-tune and evaluate, in minutes on two cores."""
    emit(run_demo(out), as_json=json, title=f"demo, left in {out}/")
