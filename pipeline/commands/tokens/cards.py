"""`vimpac tokens card`: describe a store to people, to the Hugging Face hub and to machines."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ....datasets import write_card
from ...console import emit, note
from ..options import Json, Store

Said = Annotated[str | None, typer.Option()]


def card(
    store: Store = Path("tokens"),
    title: Annotated[str | None, typer.Option(help="Name of the data set.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is, in a sentence.")] = None,
    license: Annotated[
        str | None, typer.Option(help="Of the tokens, as an SPDX identifier such as CC-BY-4.0.")
    ] = None,
    license_url: Annotated[str | None, typer.Option(help="Where its text is.")] = None,
    creator: Annotated[list[str] | None, typer.Option(help="Who made it; may be repeated.")] = None,
    contact: Annotated[str | None, typer.Option(help="Whom to ask.")] = None,
    homepage: Annotated[str | None, typer.Option(help="A page about it.")] = None,
    source: Annotated[str | None, typer.Option(help="Where the videos come from.")] = None,
    source_license: Annotated[str | None, typer.Option(help="Terms of the videos.")] = None,
    citation: Annotated[str | None, typer.Option(help="BibTeX of what to cite.")] = None,
    published: Annotated[str | None, typer.Option(help="Date, as 2026-01-31; today's.")] = None,
    json: Json = False,
) -> None:
    """Write README.md and croissant.json into a store; what is said is kept in its card.json."""
    written = write_card(
        store,
        title=title,
        description=description,
        license=license,
        license_url=license_url,
        creators=tuple(creator or ()),
        contact=contact,
        homepage=homepage,
        source=source,
        source_license=source_license,
        citation=citation,
        published=published,
    )
    if written.missing:
        note(f"still empty: {', '.join(written.missing)}")
    emit(asdict(written) | {"missing": written.missing}, as_json=json, title=f"card of {store}")
