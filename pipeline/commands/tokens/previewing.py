"""`vimpac tokens preview`: see what a store's tokens keep of its videos."""

from pathlib import Path
from typing import Annotated

import typer

from ....datasets import NO_VIDEOS, StoreError, TokenStore
from ....tokenizer import load_tokenizer
from ...console import emit
from ...picture import draw_store, spread
from ..options import Json, Trust


def preview(
    store: Annotated[str, typer.Argument(help="The token store: a folder or a URL.")] = "tokens",
    out: Annotated[Path, typer.Option(help="The PNG to write.")] = Path("tokens.png"),
    video: Annotated[
        list[str] | None, typer.Option(help="Key of a video to draw; again for more. 4 of all.")
    ] = None,
    tokenizer: Annotated[
        str | None, typer.Option(help="For stores that travel without theirs.")
    ] = None,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Draw stored videos from their tokens alone."""
    opened = TokenStore.open(store)
    loaded = load_tokenizer(tokenizer or opened.tokenizer_folder, trust=trust)
    made_by = opened.identity.tokenizer
    if loaded.fingerprint != made_by.fingerprint:
        raise StoreError(
            f"{store} holds tokens of {made_by.name} ({made_by.fingerprint[:12]}), not of "
            f"{loaded.name} ({loaded.fingerprint[:12]}): "
            "give the tokenizer that made them with --tokenizer"
        )
    if not opened.keys:
        raise StoreError(NO_VIDEOS)
    keys = video or [opened.keys[place] for place in spread(len(opened), min(4, len(opened)))]
    draw_store(opened, loaded, out, keys=keys)
    emit({"picture": str(out), "videos": keys}, as_json=json, title=f"preview of {store}")
