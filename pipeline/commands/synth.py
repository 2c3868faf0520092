"""`vimpac synth`: labelled video that anyone can make."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..console import emit, progress
from ..motion import CLASSES, MotionConfig, make_motion_set
from .options import Json, Seed

app = typer.Typer(help="Labelled video that anyone can make.", no_args_is_help=True)


@app.callback()
def synth() -> None:
    """Labelled video that anyone can make."""


@app.command()
def motion(
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    photos: Annotated[Path, typer.Option(help="A folder of photographs, four or more.")],
    train: Annotated[int, typer.Option(help="Labelled clips to train on.")] = 800,
    validation: Annotated[int, typer.Option(help="Labelled clips held out.")] = 400,
    unlabelled: Annotated[int, typer.Option(help="Clips to pre-train on.")] = 200,
    unlabelled_seconds: Annotated[float, typer.Option(help="Their length.")] = 20.0,
    seconds: Annotated[float, typer.Option(help="Length of a labelled clip.")] = 3.0,
    size: Annotated[int, typer.Option(help="Side of the frames in pixels.")] = 128,
    fps: Annotated[float, typer.Option(help="Frames a second of the files.")] = 8.0,
    speed: Annotated[
        tuple[float, float], typer.Option(help="Least and greatest, in frame sides a second.")
    ] = (0.2, 0.3),
    classes: Annotated[str | None, typer.Option(help="Some of the classes, by comma.")] = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Render mp4 files whose class is only in the motion; a broken off set is gone on with.

    Training and validation clips come from different photographs.
    """
    config = MotionConfig(
        seed=seed,
        size=size,
        fps=fps,
        seconds=seconds,
        train=train,
        validation=validation,
        unlabelled=unlabelled,
        unlabelled_seconds=unlabelled_seconds,
        speed=speed,
        classes=tuple(classes.split(",")) if classes else CLASSES,
    )
    document = make_motion_watched(out, photos, config)
    emit(document, as_json=json, title=f"motion set {out}")


def make_motion_watched(out: Path, photos: Path, config: MotionConfig) -> dict[str, Any]:
    """Make a motion set with progress on stderr."""
    with progress("synth motion", config.train + config.validation + config.unlabelled) as update:
        summary = make_motion_set(
            out, photos, config=config, on_clip=lambda done, total: update(done, "clips")
        )
    return {
        "out": str(summary.out),
        "classes": list(summary.classes),
        "train": summary.train,
        "validation": summary.validation,
        "unlabelled": summary.unlabelled,
        "rendered": summary.rendered,
        "kept": summary.kept,
    }
