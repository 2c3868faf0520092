"""`vimpac tokens import`: keep codes that another program extracted."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from ....datasets import (
    StoreIdentity,
    TokenizerIdentity,
    open_source,
    plan_import,
    run_import,
    stated_fingerprint,
)
from ....tokenizer import load_tokenizer
from ...console import emit, note
from ...errors import PipelineError
from ..options import Json, Trust
from .shown import shards_shown


def import_codes(
    sources: Annotated[
        list[Path], typer.Argument(help="An LMDB of npz or a folder of .npy; one for each view.")
    ],
    out: Annotated[Path, typer.Option(help="The token store to make or to go on with.")],
    fps: Annotated[float, typer.Option(help="Token frames a second.")],
    size: Annotated[int, typer.Option(help="Side of the square frames in pixels.")],
    tokenizer: Annotated[str | None, typer.Option(help="Name of what made the codes.")] = None,
    vocabulary: Annotated[int | None, typer.Option(help="Number of its codes.")] = None,
    compression: Annotated[int, typer.Option(help="Pixels a code along a side.")] = 8,
    weights: Annotated[
        str | None, typer.Option(help="The tokenizer itself, in place of all three.")
    ] = None,
    views: Annotated[str, typer.Option(help="Name of each source's view, with commas.")] = "center",
    labels: Annotated[
        Path | None, typer.Option(help="The list of labels to write; OUT-labels.txt.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="zarr or webdataset.")] = "zarr",
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Make a store of codes extracted elsewhere. Their labels go into a list beside it."""
    if weights is None:
        made_by, files = stated_tokenizer(tokenizer, vocabulary, compression), None
    else:
        made_by, files = tokenizer_at_hand(weights, trust=trust)
    names = tuple(views.split(","))
    if len(names) != len(sources):
        raise PipelineError(f"{len(sources)} sources for the views {views}: give one for each")
    identity = StoreIdentity(tokenizer=made_by, fps=fps, size=size, views=names, form=form)
    opened = {name: open_source(path) for name, path in zip(names, sources, strict=True)}
    job = plan_import(opened, identity)
    listed = labels or out.with_name(f"{out.name}-labels.txt")
    with shards_shown("import", len(job.plan.shards)) as on_shard:
        report = run_import(job, out, labels=listed, tokenizer_files=files, on_shard=on_shard)
    for failure in report["failures"]:
        note(f"failed: {failure['key']}: {failure['detail']}")
    told = report | {"labels_file": str(listed) if report["labels"] else None}
    emit(told, as_json=json, title=f"imported into {out}")


def stated_tokenizer(
    name: str | None, vocabulary: int | None, compression: int
) -> TokenizerIdentity:
    """A tokenizer known by what its owner states."""
    if name is None or vocabulary is None:
        raise PipelineError("say what made the codes: --tokenizer and --vocabulary, or --weights")
    fingerprint = stated_fingerprint(name, vocabulary, compression)
    return TokenizerIdentity(
        name=name, fingerprint=fingerprint, vocabulary=vocabulary, compression=compression
    )


def tokenizer_at_hand(
    weights: str, *, trust: bool
) -> tuple[TokenizerIdentity, Callable[[Path], object]]:
    """A tokenizer that can be loaded, and what writes its files."""
    loaded = load_tokenizer(weights, trust=trust)
    identity = TokenizerIdentity(
        name=loaded.name,
        fingerprint=loaded.fingerprint,
        vocabulary=loaded.vocabulary,
        compression=loaded.compression,
        temporal_compression=loaded.temporal_compression,
    )
    return identity, loaded.save
