"""`vimpac tokens merge`: several stores into one."""

from pathlib import Path
from typing import Annotated

import typer

from ....datasets import plan_merge, run_merge
from ...console import emit, note
from ..options import Json
from .shown import shards_shown


def merge(
    stores: Annotated[list[Path], typer.Argument(help="Token stores, two or more.")],
    out: Annotated[Path, typer.Option(help="The token store to make or to go on with.")],
    duplicates: Annotated[
        str,
        typer.Option(
            help="Videos several stores have: same (keep one where codes are equal, else refuse), "
            "first (keep the first store's) or refuse."
        ),
    ] = "same",
    link: Annotated[bool, typer.Option("--link", help="Hard-link shards, where possible.")] = False,
    partial: Annotated[bool, typer.Option("--partial", help="Take unfinished stores too.")] = False,
    json: Json = False,
) -> None:
    """Join stores of one tokenizer and equal options. The same command again goes on."""
    job = plan_merge(stores, duplicates=duplicates, partial=partial)
    with shards_shown("merge", len(job.parts)) as on_shard:
        report = run_merge(job, out, link=link, on_shard=on_shard)
    for duplicate in () if json else report["duplicates"]:
        codes = "equal" if duplicate["same_codes"] else "other"
        note(f"duplicate: {duplicate['key']}, kept as in {duplicate['kept']} ({codes} codes)")
    told = report if json else report | {"duplicates": len(report["duplicates"])}
    emit(told, as_json=json, title=f"merged into {out}")
