"""`vimpac synth`: labelled video that anyone can make."""

from pathlib import Path
from typing import Annotated

import typer

from ..console import emit, progress
from ..motion import MotionConfig, make_motion_set
from .options import Json, Seed

app = typer.Typer(help="Labelled video that anyone can make.", no_args_is_help=True)


@app.callback()
def synth() -> None:
    """Labelled video that anyone can make."""
