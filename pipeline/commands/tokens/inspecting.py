"""`vimpac tokens info` and `verify`: what a store holds, and whether it is whole."""

from pathlib import Path
from typing import Annotated

import typer

from ....datasets import TokenStore, measure_entropy
from ....datasets import repair as repair_store
from ....datasets import verify as verify_store
from ...console import emit, note
from ..options import Json, Store


def info(
    store: Annotated[str, typer.Argument(help="The token store: a folder or a URL.")] = "tokens",
    json: Json = False,
) -> None:
    """Say what made a store and what it holds."""
    opened = TokenStore.open(store)
    document = opened.summary() | {"entropy": measure_entropy(opened).to_dict()}
    emit(document, as_json=json, title=store)


def verify(
    store: Store = Path("tokens"),
    repair: Annotated[
        bool, typer.Option("--repair", help="Drop damaged shards: tokenize makes them again.")
    ] = False,
    json: Json = False,
) -> None:
    """Check every hash, count and code of a store; exit 1 where something is wrong."""
    report, dropped = repair_store(store) if repair else (verify_store(store), ())
    shown = report.to_dict() | ({"replanned": list(dropped)} if repair else {})
    emit(shown, as_json=json, title=str(store))
    if dropped:
        note(f"{len(dropped)} shards dropped: run the same `vimpac tokenize` again to make them")
    if not report.ok:
        raise typer.Exit(1)
