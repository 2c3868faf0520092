"""The training loop: steps, checkpoints, and what is left to look at meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ..images import RGBImage
from ..interface import TokenizerError
from ..vqvae import VQVAETokenizer, save_vqvae
from .config import TokenizerTrainingConfig, TrainingStep
from .monitor import TrainingMonitor
from .run import TrainingRun


def train_tokenizer(
    images: Sequence[RGBImage],
    out: Path,
    *,
    config: TokenizerTrainingConfig,
    on_step: Callable[[TrainingStep], None] | None = None,
    device: str = "cpu",
    start: VQVAETokenizer | None = None,
) -> Path:
    """Train a VQ-VAE on pictures and write it as a tokenizer file.

    Beside `out` are kept, while training, a checkpoint, and for good what `TrainingMonitor`
    writes: figures as JSON lines and a picture of reconstructions.

    Args:
        images: RGB images `(H, W, 3)` uint8 of any sizes, and pairs `(2, H, W, 3)` of frames that
            follow one another in a video.
        out: The `.safetensors` file to write.
        config: How to train.
        on_step: Called after each step, to draw progress.
        device: Where to train.
        start: A tokenizer to begin from: its weights and codes go on to be trained, in a network
            of `config.model`, which may be wider. `config.unquantised_steps` is not read then.

    Returns:
        `out`.

    Raises:
        TokenizerError: `out` is a folder, images or configuration cannot be trained on, a
            checkpoint belongs to other data or another configuration or is not to be resumed,
            `start` does not fit, or the loss stopped being finite.
    """
    out = Path(out)
    if out.is_dir():
        raise TokenizerError(f"{out} is a folder: name the .safetensors file to write")
    checkpoint = out.with_name(out.name + ".checkpoint")
    if checkpoint.exists() and not config.resume:
        raise TokenizerError(
            f"{checkpoint} is of a training that was interrupted: go on with it (--resume), or "
            "delete it to begin anew"
        )
    run = TrainingRun(images, config, device, start)
    if checkpoint.exists():
        run.load(checkpoint)
    monitor = TrainingMonitor(out, run)
    while run.step < config.steps:
        report = run.advance()
        monitor.log(report)
        if run.step % config.checkpoint_every == 0 and run.step < config.steps:
            monitor.draw()
            run.save(checkpoint)
        if on_step is not None:
            on_step(report)
    monitor.draw()
    save_vqvae(out, run.average, config.model, name=out.stem)
    checkpoint.unlink(missing_ok=True)
    return out
