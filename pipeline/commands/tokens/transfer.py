"""`vimpac tokens push` and `pull`: send a store somewhere else, and fetch one."""

from pathlib import Path
from typing import Annotated

import typer

from ....datasets import Pull, Push
from ...console import emit
from ..options import Json
from .shown import shards_shown

URL_HELP = "A folder, s3://BUCKET/PATH, gs://..., hf://datasets/OWNER/NAME, or any fsspec URL."


def push(
    store: Annotated[Path, typer.Argument(help="The token store.")],
    url: Annotated[str, typer.Argument(help=URL_HELP)],
    read_back: Annotated[
        bool, typer.Option(help="Read back and hash what was sent; else compare sizes alone.")
    ] = True,
    json: Json = False,
) -> None:
    """Send a store: only what is missing moves. The same command again goes on."""
    sending = Push(store, url, read_back=read_back)
    with shards_shown("push", len(sending.shards)) as on_shard:
        report = sending.run(on_shard)
    emit(report, as_json=json, title=f"pushed to {url}")


def pull(
    url: Annotated[str, typer.Argument(help=URL_HELP)],
    out: Annotated[Path, typer.Option(help="The token store to make or to go on with.")] = Path(
        "tokens"
    ),
    json: Json = False,
) -> None:
    """Fetch a store: only what is missing moves, hashed as it arrives. Again, it goes on."""
    fetching = Pull(url, out)
    with shards_shown("pull", len(fetching.shards)) as on_shard:
        report = fetching.run(on_shard)
    emit(report, as_json=json, title=f"pulled into {out}")
