"""`vimpac tokens info` and `verify`: what a store holds, and whether it is whole."""

from pathlib import Path

import typer

from ....datasets import TokenStore, measure_entropy
from ....datasets import verify as verify_store
from ...console import emit
from ..options import Json, Store


def info(store: Store = Path("tokens"), json: Json = False) -> None:
    """Say what made a store and what it holds."""
    opened = TokenStore.open(store)
    document = opened.summary() | {"entropy": measure_entropy(opened).to_dict()}
    emit(document, as_json=json, title=str(store))


def verify(store: Store = Path("tokens"), json: Json = False) -> None:
    """Check every hash, count and code of a store; exit 1 where something is wrong."""
    report = verify_store(store)
    emit(report.to_dict(), as_json=json, title=str(store))
    if not report.ok:
        raise typer.Exit(1)
