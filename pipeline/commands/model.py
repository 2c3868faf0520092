"""`vimpac model`: what a model is made of; models from elsewhere, and for elsewhere."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ...datasets import TokenStore
from ...trainer import (
    ImportOptions,
    TrainingError,
    export_graph,
    export_run,
    import_model,
    load_classifier,
    model_info,
)
from ...trainer import Run as TrainingRun
from ...trainer.exchange.hub import push as push_to_hub
from ...trainer.exchange.serving import FORMATS
from ..console import emit
from . import labels as label_options
from . import options
from .labels import class_names_of, label_source
from .options import Frames, Json, Layout
from .training import RUNS, given_options, refuse_unread

UNTOLD = (
    "task", "annotations", "labels", "official_split", "class_names", "heads", "layout", "stride"
)  # fmt: skip
"""Options for what a checkpoint of the public release does not tell."""

app = typer.Typer(help="Models: sizes and shapes, import and export.", no_args_is_help=True)


@app.callback()
def model() -> None:
    """Models: sizes and shapes, import and export."""


@app.command()
def info(
    preset: Annotated[str, typer.Option(help="debug, tiny, small, base or large.")] = "small",
    frames: Frames = 5,
    size: Annotated[int, typer.Option(help="Frame side in pixels.")] = 128,
    vocab: Annotated[int, typer.Option("--vocab", help="Codes of the tokenizer.")] = 8192,
    compression: Annotated[int, typer.Option(help="Pixels a token's side.")] = 8,
    layout: Layout = None,
    mask_blocks: Annotated[int, typer.Option(help="Boxes of a clip's block mask.")] = 5,
    json: Json = False,
) -> None:
    """Count a model's parameters and the share of tokens its masks hide."""
    document = model_info(
        preset=preset,
        frames=frames,
        size=size,
        vocabulary=vocab,
        compression=compression,
        layout=layout,
        mask_boxes=mask_blocks,
    )
    emit(document, as_json=json, title=f"model {preset}")


@app.command("import")
def import_(
    context: typer.Context,
    source: Annotated[
        Path, typer.Argument(help="classifier.pt of the public release, or an exported folder.")
    ],
    out: Annotated[Path, typer.Option(help="The run to make.")] = RUNS / "imported",
    tokens: Annotated[
        str | None, typer.Option(help="A store of the tokens that the model reads.")
    ] = None,
    task: label_options.TaskOption = None,
    annotations: label_options.AnnotationsOption = None,
    labels: label_options.LabelsOption = None,
    official_split: label_options.OfficialSplitOption = None,
    class_names: label_options.ClassNamesOption = None,
    heads: Annotated[
        int | None, typer.Option(help="Attention heads; of 64, or 32 in narrow attention.")
    ] = None,
    layout: Layout = None,
    stride: Annotated[int, typer.Option(help="Stored frames a token frame.")] = 1,
    json: Json = False,
) -> None:
    """Make a run of a model from elsewhere, to fine-tune, evaluate or predict with.

    Nothing in the file is executed. A classifier's classes are named by --task or --class-names.
    """
    given = given_options(context)
    if source.is_dir():
        refuse_unread(given, UNTOLD, f"{source}, an exported folder that tells all of itself,")
    choices = ImportOptions(
        heads=heads,
        layout=layout,
        stride=stride,
        labels=label_source(given),
        classes=class_names_of(given),
    )
    store = TokenStore.open(tokens) if tokens is not None else None
    config = import_model(source, TrainingRun(out), choices, store=store)
    document = {
        "run": str(out),
        "kind": config["kind"],
        "classes": config.get("classes", []),
        "tokenizer": (config["tokens"] or {}).get("tokenizer", {}).get("name"),
        "model": config["model"],
    }
    emit(document, as_json=json, title=f"imported {source}")


@app.command()
def export(
    run: options.Run,
    out: Annotated[
        Path,
        typer.Option(help="A folder to make; or a file: .pt2 for torch.export, .onnx for ONNX."),
    ],
    push: Annotated[
        str | None, typer.Option(help="user/name: upload the folder to the Hugging Face hub.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Of a new repository.")] = False,
    json: Json = False,
) -> None:
    """Write a run's model for use elsewhere: weights, configuration and card, or a graph."""
    trained = TrainingRun(run)
    if out.suffix in FORMATS:
        if push is not None:
            raise TrainingError("--push uploads a folder: give --out a name without an ending")
        export_graph(load_classifier(trained), out)
        files, form = [out], FORMATS[out.suffix]
    else:
        export_run(trained, out)
        files, form = sorted(path for path in out.rglob("*") if path.is_file()), "folder"
    document: dict[str, Any] = {
        "out": str(out),
        "format": form,
        "files": {
            str(path.relative_to(out)) if path != out else path.name: path.stat().st_size
            for path in files
        },
    }
    if push is not None:
        document["pushed"] = push_to_hub(out, push, private=private)
    emit(document, as_json=json, title=f"exported {run}")
