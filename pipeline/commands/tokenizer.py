"""`vimpac tokenizer`: train, measure and inspect tokenizers."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from ...tokenizer import (
    TokenizerError,
    TokenizerTrainingConfig,
    TrainingStep,
    VQVAEConfig,
    VQVAETokenizer,
    evaluate_tokenizer,
    load_tokenizer,
    train_tokenizer,
)
from ..console import emit, note, progress
from ..tokenizer_media import read_clips, read_training_images
from ..tokenizing.machine import devices
from .options import Device, Json, Resume, Seed, Trust
from .tokenizer_info import info, list_tokenizers

UNQUANTISED_STEPS = 200
"""Before the codebook starts, in runs of at least ten times as many."""

app = typer.Typer(help="Tokenizers: train one, measure one, tell what it is.", no_args_is_help=True)


app.command("list")(list_tokenizers)
app.command()(info)


@app.command()
def train(
    media: Annotated[list[Path], typer.Argument(help="Images, videos, folders of them.")],
    out: Annotated[Path, typer.Option(help="The .safetensors file to write.")],
    steps: Annotated[int, typer.Option(help="Optimiser steps.")] = 3000,
    init: Annotated[
        str | None, typer.Option(help="Begin from a tokenizer: default, or a file of this command.")
    ] = None,
    vocabulary: Annotated[
        int | None, typer.Option(help="Number of codes; those of --init, else 4096.")
    ] = None,
    decoder_channels: Annotated[
        tuple[int, int] | None,
        typer.Option(help="Widths of the decoder's two grids; those of --init, else 160 96."),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Crops a step.")] = 16,
    crop: Annotated[int, typer.Option(help="Side of the crops in pixels.")] = 64,
    sides: Annotated[
        tuple[int, int], typer.Option(help="Least and greatest shorter side of frames in pixels.")
    ] = (64, 512),
    learning_rate: Annotated[float, typer.Option(help="Peak rate of the optimiser.")] = 2e-3,
    commitment: Annotated[
        float, typer.Option(help="Weight of the pull of latents towards their codes.")
    ] = 32.0,
    consistency: Annotated[
        float, typer.Option(help="Weight of the pull between frames where nothing moves.")
    ] = 0.35,
    first_pull: Annotated[
        float, typer.Option(help="Share of both weights to begin with; they grow.")
    ] = 0.125,
    evenness: Annotated[
        float, typer.Option(help="How much farther codes seem that carry much of the error.")
    ] = 0.3,
    seed: Seed = 0,
    checkpoint_every: Annotated[int, typer.Option(help="Steps between checkpoints.")] = 250,
    device: Device = "cpu",
    resume: Resume = False,
    json: Json = False,
) -> None:
    """Train a VQ-VAE on photographs and video frames."""
    one_device = devices(device)[0]
    start = trainable(init, one_device) if init else None
    model = start.config if start else VQVAEConfig()
    config = TokenizerTrainingConfig(
        steps=steps,
        seed=seed,
        vocabulary=model.vocabulary if vocabulary is None else vocabulary,
        model=replace(model, decoder_channels=decoder_channels or model.decoder_channels),
        learning_rate=learning_rate,
        commitment=commitment,
        consistency=consistency,
        first_pull=first_pull,
        evenness=evenness,
        batch_size=batch_size,
        crop=crop,
        sides=sides,
        unquantised_steps=min(UNQUANTISED_STEPS, steps // 10),
        checkpoint_every=checkpoint_every,
        resume=resume,
    )
    images = read_training_images(media)
    note(f"training on {len(images)} pictures")
    with progress("train tokenizer", steps) as update:

        def on_step(step: TrainingStep) -> None:
            text = f"PSNR {step.psnr:.1f} dB, codes used {step.codebook_use:.0%}"
            update(step.step, text)

        train_tokenizer(images, out, config=config, on_step=on_step, device=one_device, start=start)
    emit({"tokenizer": str(out), "steps": steps}, as_json=json, title="trained")


def trainable(spec: str, device: str) -> VQVAETokenizer:
    """The tokenizer to begin a training from."""
    tokenizer = load_tokenizer(spec, device)
    if not isinstance(tokenizer, VQVAETokenizer):
        raise TokenizerError(f"{spec} cannot be trained on; --init takes default or a file of ours")
    return tokenizer


@app.command()
def evaluate(
    tokenizer: Annotated[str, typer.Argument(help="One of `tokenizer list`.")],
    media: Annotated[list[Path], typer.Argument(help="Images, videos, folders of them.")],
    size: Annotated[int, typer.Option(help="Pixels of the shorter side.")] = 128,
    tile: Annotated[int | None, typer.Option(help="Cut frames into squares of this side.")] = None,
    fps: Annotated[float, typer.Option(help="Frames a second of videos.")] = 8.0,
    frames: Annotated[int, typer.Option(help="The most of a video.")] = 64,
    steady: Annotated[float, typer.Option(help="Tolerance to measure steady tokens with.")] = 0.5,
    precision: Annotated[str, typer.Option(help="The encoder's arithmetic: fp32, bf16.")] = "fp32",
    device: Device = "cpu",
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Measure what a tokenizer keeps, how it uses its codes, how steady and how fast it is."""
    loaded = load_tokenizer(tokenizer, devices(device)[0], precision, trust)
    clips = read_clips(
        media, size=size, multiple=loaded.compression, fps=fps, frames=frames, tile=tile
    )
    figures = asdict(evaluate_tokenizer(loaded, clips, steady=steady))
    emit({"fingerprint": loaded.fingerprint, **figures}, as_json=json, title=tokenizer)
