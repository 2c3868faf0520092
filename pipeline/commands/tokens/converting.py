"""`vimpac tokens convert`: pack a store's shards in the other form."""

from pathlib import Path
from typing import Annotated

import typer

from ....datasets import convert as convert_store
from ...console import emit, note
from ..options import Json

Form = Annotated[str, typer.Option("--format", help="zarr or webdataset.")]


def convert(
    source: Annotated[str, typer.Argument(help="The token store, a folder or a URL.")],
    out: Annotated[Path, typer.Argument(help="The folder to make or to go on with.")],
    form: Form = "webdataset",
    json: Json = False,
) -> None:
    """Pack a store in another form; its codes and its logical hash stay the same."""
    store = convert_store(source, out, form, lambda done, of: note(f"{done} of {of} shards"))
    shown = {"store": str(out), "format": form, **store.summary()}
    emit(shown, as_json=json, title=f"{source} as {form}")
