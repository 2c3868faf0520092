"""`vimpac tokens`: look into token stores."""

from pathlib import Path
from typing import Annotated

import typer

from ...datasets import TokenStore
from ...datasets import verify as verify_store
from ..console import emit
from .options import Json

app = typer.Typer(help="Token stores: what they hold, if they are whole.", no_args_is_help=True)

Store = Annotated[Path, typer.Argument(help="The token store.")]


@app.command()
def info(store: Store = Path("tokens"), json: Json = False) -> None:
    """Say what made a store and what it holds."""
    emit(TokenStore.open(store).summary(), as_json=json, title=str(store))


@app.command()
def verify(store: Store = Path("tokens"), json: Json = False) -> None:
    """Check every hash, count and code of a store; exit 1 where something is wrong."""
    report = verify_store(store)
    emit(report.to_dict(), as_json=json, title=str(store))
    if not report.ok:
        raise typer.Exit(1)
