"""Training the VQ-VAE: a short loop whose every draw is a pure function of (seed, step).

No generator lives between steps, so a run killed at any moment and resumed from its checkpoint
(`OUT.checkpoint`) ends with the weights of an undisturbed one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from .compute import channels_last
from .images import RGBImage, check_images, digest_images, draw_crops
from .interface import TokenizerError
from .metrics import codebook_use, perplexity
from .quantizer import MovingCodebook, k_means, nearest_codes
from .training_config import TokenizerTrainingConfig, TrainingStep
from .vqvae import VQVAE, save_vqvae
from .weights_file import load_into, read_weights, write_weights

_LATENTS_PER_CODE = 8  # latents k-means sees for each code
_K_MEANS_ROUNDS = 10
_FAR_STEP = 1 << 40  # draws that belong to no step of training start here


def train_tokenizer(
    images: Sequence[RGBImage],
    out: Path,
    *,
    config: TokenizerTrainingConfig,
    on_step: Callable[[TrainingStep], None] | None = None,
    device: str = "cpu",
) -> Path:
    """Train a VQ-VAE on images and write it as a tokenizer file.

    Args:
        images: RGB images `(H, W, 3)` uint8 of any sizes; video frames are images too.
        out: The `.safetensors` file to write; a checkpoint is kept beside it while training.
        config: How to train.
        on_step: Called after each step, to draw progress.
        device: Where to train.

    Returns:
        `out`.

    Raises:
        TokenizerError: Images or configuration cannot be trained on, a checkpoint belongs to
            other data or another configuration, or the loss stopped being finite.
    """
    check_images(images)
    out = Path(out)
    checkpoint = out.with_name(out.name + ".checkpoint")
    run = _Run(images, config, device)
    if config.resume and checkpoint.exists():
        run.load(checkpoint)
    while run.step < config.steps:
        report = run.advance()
        if run.step % config.checkpoint_every == 0 and run.step < config.steps:
            run.save(checkpoint)
        if on_step is not None:
            on_step(report)
    save_vqvae(out, run.average, config.model, name=out.stem)
    checkpoint.unlink(missing_ok=True)
    return out


class _Run:
    """Everything a training run holds; `step` is the number of steps done."""

    def __init__(
        self, images: Sequence[RGBImage], config: TokenizerTrainingConfig, device: str
    ) -> None:
        self.config = config
        self.device = device
        self.images = [Image.fromarray(image) for image in images]
        self.data = digest_images(images)
        self.step = 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = channels_last(VQVAE(config.model), device)
            self.average = channels_last(VQVAE(config.model), device)
        self.average.load_state_dict(self.model.state_dict())
        sizes = (config.vocabulary, config.model.latent_channels)
        self.codes = MovingCodebook(*sizes).to(device)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=0.0, betas=(0.9, 0.99), weight_decay=1e-4
        )

    def advance(self) -> TrainingStep:
        """Do one step and tell what it did."""
        config = self.config
        if self.step == config.unquantised_steps:
            self._start_codebook()
        clean = self._draw(self.step)
        latents = self.model.latents(self._with_noise(clean))
        quantised, codes, commitment = self._quantise(latents)
        pixels = self.model.pixels(quantised)
        loss = _reconstruction_loss(pixels, clean) + config.commitment * commitment
        if not math.isfinite(loss.item()):
            raise TokenizerError(
                f"step {self.step}: the loss is not finite; lower learning_rate "
                f"({config.learning_rate})"
            )
        self._descend(loss)
        self.step += 1
        error = F.mse_loss(pixels.detach().clamp(0, 1), clean).item()
        return TrainingStep(
            step=self.step,
            steps=config.steps,
            loss=loss.item(),
            psnr=-10 * math.log10(max(error, 1e-10)),
            codebook_use=0.0 if codes is None else codebook_use(self.codes.count),
            perplexity=0.0 if codes is None else perplexity(codes, config.vocabulary),
        )

    def _quantise(self, latents: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        """Replace latents `(B, d, h, w)` by codes, and let the codebook follow them."""
        if self.step < self.config.unquantised_steps:
            return latents, None, latents.new_zeros(())
        rows = _rows(latents)
        with torch.no_grad():
            codes = nearest_codes(rows, self.codes.codebook)
            chosen = self.codes.codebook[codes]
            self.codes.update(rows, codes, self.config.codebook_rate * max(0.1, self._cosine()))
            if self.step < 0.8 * self.config.steps:  # then let every code settle
                self.codes.restart(rows, self.config.restart_share, self._generator(self.step))
        batch, channels, height, width = latents.shape
        through = rows + (chosen - rows).detach()  # straight through: gradients pass as they are
        quantised = through.view(batch, height, width, channels).permute(0, 3, 1, 2)
        return quantised, codes, F.mse_loss(rows, chosen)

    def _descend(self, loss: Tensor) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * self._cosine() * min(1, (self.step + 1) / 50)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        decay = min(self.config.average_decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            pairs = zip(self.average.parameters(), self.model.parameters(), strict=True)
            for average, current in pairs:
                average.lerp_(current, 1 - decay)
            self.average.codebook.copy_(self.codes.codebook)

    def _cosine(self) -> float:
        """From 1 at the first step down to 0 after the last."""
        return 0.5 * (1 + math.cos(math.pi * self.step / self.config.steps))

    @torch.no_grad()
    def _start_codebook(self) -> None:
        """K-means over latents of crops that no step of training draws."""
        latents: list[Tensor] = []
        wanted = _LATENTS_PER_CODE * self.config.vocabulary
        while sum(map(len, latents)) < wanted:
            latents.append(_rows(self.model.latents(self._draw(_FAR_STEP + len(latents)))))
        every = torch.cat(latents)
        generator = self._generator(_FAR_STEP)
        codebook = k_means(every, self.config.vocabulary, generator, _K_MEANS_ROUNDS)
        self.codes.start(codebook, len(latents[0]) / self.config.vocabulary)

    def _draw(self, step: int) -> Tensor:
        config = self.config
        crops = draw_crops(
            self.images,
            batch_size=config.batch_size,
            crop=config.crop,
            seed=config.seed,
            step=step,
        )
        pixels = crops.to(self.device).float() / 255
        return pixels.contiguous(memory_format=torch.channels_last)

    def _with_noise(self, clean: Tensor) -> Tensor:
        generator = self._generator(self.step)
        size = self.config.noise * torch.rand(len(clean), 1, 1, 1, generator=generator)
        noise = size * torch.randn(clean.shape, generator=generator)
        return clean + noise.to(clean.device)

    def _generator(self, step: int) -> torch.Generator:
        return torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)

    def save(self, path: Path) -> None:
        """Write a checkpoint atomically."""
        header = {"format": "checkpoint", "step": self.step, "data": self.data}
        write_weights(path, {**header, "config": self.config.identity()}, self._state())

    def load(self, path: Path) -> None:
        """Continue from a checkpoint of the same data and configuration."""
        header, state = read_weights(path)
        if header.get("format") != "checkpoint":
            raise TokenizerError(f"{path}: not a training checkpoint")
        if header["data"] != self.data or header["config"] != _as_json(self.config.identity()):
            raise TokenizerError(
                f"{path}: belongs to other images or another configuration; "
                "repeat the command that began it, or train without resuming"
            )
        for name, module in self._modules().items():
            load_into(module, _below(state, name), path)
        for position, parameter in enumerate(self.model.parameters()):
            moments = _below(state, f"optimizer.{position}")
            self.optimizer.state[parameter] = {
                key: value if key == "step" else value.to(self.device)
                for key, value in moments.items()
            }
        self.step = int(header["step"])

    def _modules(self) -> dict[str, torch.nn.Module]:
        return {"model": self.model, "average": self.average, "codes": self.codes}

    def _state(self) -> dict[str, Tensor]:
        state = {
            f"{name}.{key}": value
            for name, module in self._modules().items()
            for key, value in module.state_dict().items()
        }
        for position, parameter in enumerate(self.model.parameters()):
            for key, value in self.optimizer.state[parameter].items():
                state[f"optimizer.{position}.{key}"] = value
        return state


def _rows(latents: Tensor) -> Tensor:
    """Latents `(B, d, h, w)` as rows `(B * h * w, d)`."""
    return latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1])


def _reconstruction_loss(pixels: Tensor, clean: Tensor) -> Tensor:
    """Squared error for PSNR, absolute error and absolute error of gradients for sharp edges."""
    difference = pixels - clean
    gradients = difference.diff(dim=2).abs().mean() + difference.diff(dim=3).abs().mean()
    return 10 * difference.square().mean() + 0.5 * difference.abs().mean() + 0.25 * gradients


def _below(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The entries of `state` below `prefix.`, without it."""
    start = prefix + "."
    return {name.removeprefix(start): state[name] for name in state if name.startswith(start)}


def _as_json(value: object) -> object:
    """What `value` becomes when written as JSON and read back."""
    return json.loads(json.dumps(value))
