"""`vimpac tokenize`: stage 1."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ...datasets import LabelSource
from ...tokenizer import load_tokenizer
from ..console import Update, emit, note, progress
from ..errors import PipelineError
from ..tokenizing import (
    RunOptions,
    ShardDone,
    TokenizeConfig,
    VideoDone,
    check_failures_file,
    check_options,
    estimate,
    failure_fields,
    plan_job,
    run_job,
    write_failures,
)
from .options import Json, Trust


def tokenize(
    videos: Annotated[
        list[Path], typer.Argument(help="Folders, files, lists (.txt), tar shards of video.")
    ],
    out: Annotated[Path, typer.Option(help="The token store to make or to go on with.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be made and how long it would take.")
    ] = False,
    task: Annotated[
        str | None, typer.Option(help="Only the videos that this task's label files list.")
    ] = None,
    annotations: Annotated[
        Path | None, typer.Option(help="The task's label files: a folder; for labels, a file.")
    ] = None,
    tokenizer: Annotated[str, typer.Option(help="One of `vimpac tokenizer list`.")] = "default",
    fps: Annotated[float, typer.Option(help="Frames a second to store.")] = 2.0,
    size: Annotated[int, typer.Option(help="Side of the square frames in pixels.")] = 128,
    views: Annotated[
        str, typer.Option(help="center, paper (12 views), paper-noflip (6), or full frames.")
    ] = "center",
    steady: Annotated[
        float, typer.Option(help="Tolerance with which tokens keep the code of the frame before.")
    ] = 0.0,
    precision: Annotated[str, typer.Option(help="The encoder's arithmetic: fp32, bf16.")] = "fp32",
    trust: Trust = False,
    form: Annotated[
        str, typer.Option("--format", help="How token shards are stored: zarr, webdataset.")
    ] = "zarr",
    videos_per_shard: Annotated[int | None, typer.Option(help="Videos a token shard.")] = None,
    engine: Annotated[str, typer.Option(help="local processes, or ray actors.")] = "local",
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda (every card), or cards: cuda:0,cuda:2.")
    ] = "auto",
    processes: Annotated[int | None, typer.Option(help="Workers on the CPU; one a core.")] = None,
    decoders: Annotated[
        int | None, typer.Option(help="Videos a worker decodes at once; as the machine allows.")
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(help="i/n: do every n-th token shard from the i-th on; n runs share a job."),
    ] = None,
    max_failures: Annotated[int | None, typer.Option(help="Stop when more videos fail.")] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try the videos that failed before again.")
    ] = False,
    failures_out: Annotated[
        Path | None, typer.Option(help="Write what failed to this .csv or .jsonl file.")
    ] = None,
    json: Json = False,
) -> None:
    """Turn videos into a token store. The same command again goes on where it was cut off."""
    config = TokenizeConfig(
        inputs=tuple(str(path) for path in videos),
        out=out,
        tokenizer=tokenizer,
        precision=precision,
        trust=trust,
        fps=fps,
        size=size,
        views=views,
        steady=steady,
        form=form,
        videos_per_shard=videos_per_shard,
        labels=labels_of(task, annotations),
    )
    options = RunOptions(
        engine=engine,
        device=device,
        processes=processes,
        decoders=decoders,
        part=shard,
        max_failures=max_failures,
        retry_failed=retry_failed,
    )
    if failures_out is not None:
        check_failures_file(failures_out)
    if dry_run:
        emit(estimate(config, options), as_json=json, title=f"would be tokenized into {out}")
        return
    summary = tokenize_watched(config, options, failures_out)
    emit(summary, as_json=json, title=f"tokenized into {out}")


def labels_of(task: str | None, annotations: Path | None) -> LabelSource | None:
    """The label files to go by, if any."""
    if task is None and annotations is None:
        return None
    if task is None or annotations is None:
        raise PipelineError("--task and --annotations go together: which data set, and where")
    return LabelSource(task=task, annotations=str(annotations))


def tokenize_watched(
    config: TokenizeConfig, options: RunOptions, failures_out: Path | None = None
) -> dict[str, Any]:
    """Tokenize with progress and a line for every failed video on stderr.

    Raises:
        PipelineError: no video at all could be tokenized, or the run was ended; the failures seen
            until then are told.
    """
    check_options(options)
    tokenizer = load_tokenizer(config.tokenizer, precision=config.precision, trust=config.trust)
    job = plan_job(config, tokenizer)
    with progress("tokenize", job.videos) as update:
        counter = Counter(update)
        try:
            summary = run_job(job, tokenizer, options, on_video=counter, on_shard=counter.add_shard)
        except PipelineError:
            tell_failures(list(counter.failures.values()), failures_out)
            raise
    tell_failures(summary["failures"], failures_out)
    if summary["failures"] and not summary["tokenized"] and not summary["skipped"]:
        raise PipelineError(f"none of the {summary['videos']} videos could be tokenized")
    return summary


def tell_failures(failures: Sequence[dict[str, str]], file: Path | None) -> None:
    """A line for every failed video on stderr, and the list as a file if one is wanted."""
    for failure in failures:
        note(f"failed: {failure['video']}: {failure['reason']} ({failure['detail']})")
    if file is not None:
        write_failures(file, failures)


class Counter:
    """Counts what is done, remembers what failed and tells the progress bar."""

    def __init__(self, update: Update) -> None:
        self.update = update
        self.began = time.monotonic()
        self.skipped = self.videos = self.frames = self.failed = 0
        self.failures: dict[str, dict[str, str]] = {}
        self.decode_seconds = self.encode_seconds = 0.0

    def __call__(self, done: VideoDone) -> None:
        """Count a video."""
        self.videos += 1
        self.frames += done.frames
        if done.failure is not None:
            self.failed += 1
            self.failures[done.key] = failure_fields(done.failure)
        self.decode_seconds += done.decode_seconds
        self.encode_seconds += done.encode_seconds
        self.tell()

    def add_shard(self, shard: ShardDone) -> None:
        """Count the videos of a shard whose fate was known before."""
        self.failures |= {failure.key: failure_fields(failure) for failure in shard.failures}
        if shard.known:
            self.skipped += shard.known
            self.tell()

    def tell(self) -> None:
        """Videos and frames a second, the share of decoding in the work, failures."""
        seconds = max(time.monotonic() - self.began, 1e-6)
        work = self.decode_seconds + self.encode_seconds
        share = 100 * self.decode_seconds / work if work else 0.0
        self.update(
            self.videos + self.skipped,
            f"{self.videos / seconds:.3g} videos/s, {self.frames / seconds:.3g} frames/s, "
            f"{share:.0f} % decoding, {100 - share:.0f} % encoding, {self.failed} failed",
        )
