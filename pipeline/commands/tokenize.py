"""`vimpac tokenize`: stage 1."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ...tokenizer import load_tokenizer
from ..console import Update, emit, note, progress
from ..errors import PipelineError
from ..tokenizing import TokenizeConfig, VideoDone, plan_job, run_job
from .options import Json


def tokenize(
    videos: Annotated[list[Path], typer.Argument(help="Folders, files, tar shards of video.")],
    out: Annotated[Path, typer.Option(help="The token store to make or to go on with.")],
    tokenizer: Annotated[str, typer.Option(help="default, or a tokenizer's path.")] = "default",
    fps: Annotated[float, typer.Option(help="Frames a second to store.")] = 2.0,
    size: Annotated[int, typer.Option(help="Side of the square frames in pixels.")] = 128,
    processes: Annotated[int | None, typer.Option(help="Workers; one a core.")] = None,
    videos_per_shard: Annotated[int | None, typer.Option(help="Videos a token shard.")] = None,
    max_failures: Annotated[int | None, typer.Option(help="Stop when more videos fail.")] = None,
    json: Json = False,
) -> None:
    """Turn videos into a token store. The same command again goes on where it was cut off."""
    config = TokenizeConfig(
        inputs=tuple(str(path) for path in videos),
        out=out,
        tokenizer=tokenizer,
        fps=fps,
        size=size,
        videos_per_shard=videos_per_shard,
        max_failures=max_failures,
    )
    emit(tokenize_watched(config, processes), as_json=json, title=f"tokenized into {out}")


def tokenize_watched(config: TokenizeConfig, processes: int | None = None) -> dict[str, Any]:
    """Tokenize with progress and a line for every failed video on stderr.

    Raises:
        PipelineError: no video at all could be tokenized.
    """
    tokenizer = load_tokenizer(config.tokenizer)
    job = plan_job(config, tokenizer)
    with progress("tokenize", sum(map(len, job.shards))) as update:
        summary = run_job(job, tokenizer, processes=processes, on_video=_Counter(update))
    for failure in summary["failures"]:
        note(f"failed: {failure['video']}: {failure['reason']} ({failure['detail']})")
    if not summary["tokenized"] and not summary["skipped"]:
        raise PipelineError(f"none of the {summary['videos']} videos could be tokenized")
    return summary


class _Counter:
    """Counts what is done and tells the progress bar."""

    def __init__(self, update: Update) -> None:
        self.update = update
        self.videos = self.frames = self.failures = 0

    def __call__(self, done: VideoDone) -> None:
        self.videos += 1
        self.frames += done.frames
        self.failures += done.failure is not None
        self.update(self.videos, f"{self.frames} frames, {self.failures} failed")
