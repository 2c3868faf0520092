"""The state of a training run: one step, and checkpoints that lose nothing.

Every draw is a pure function of (seed, step) and no generator lives between steps, so a run
killed at any moment and resumed from its checkpoint ends with the weights of an undisturbed one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from ..compute import channels_last
from ..images import RGBImage
from ..interface import TokenizerError
from ..metrics import codebook_use, perplexity
from ..quantizer import nearest_codes
from ..vqvae import VQVAE, VQVAETokenizer
from ..weights_file import load_into, read_weights, write_weights
from .codebook import MovingCodebook, k_means, squared_distance
from .config import TokenizerTrainingConfig, TrainingStep
from .crops import digest_pictures, draw_crops, parse_scenes
from .growth import start_from
from .losses import consistency_loss, reconstruction_loss, still_tokens
from .noise import video_noise
from .optimizers import descend, learners, make_optimizers

_LATENTS_PER_CODE = 8  # latents k-means sees for each code
_K_MEANS_ROUNDS = 10
_FAR_STEP = 1 << 40  # draws that belong to no step of training start here
_RESTART_UNTIL = 0.8  # share of the steps after which every code is left to settle
_PAIRED = 4  # one crop in so many is also encoded in its other frame


class TrainingRun:
    """Everything a training run holds; `step` is the number of steps done."""

    def __init__(
        self,
        pictures: Sequence[RGBImage],
        config: TokenizerTrainingConfig,
        device: str,
        start: VQVAETokenizer | None = None,
    ) -> None:
        """Begin at step 0, from random weights or those of `start`."""
        self.config = config
        self.start = start
        self.device = device
        self.scenes = parse_scenes(pictures)
        self.data = digest_pictures(pictures)
        self.step = 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = channels_last(VQVAE(config.model), device)
            self.average = channels_last(VQVAE(config.model), device)
        if start is not None:
            start_from(self.model, start)
        self.average.load_state_dict(self.model.state_dict())
        sizes = (config.vocabulary, config.model.latent_channels)
        self.codes = MovingCodebook(*sizes).to(device)
        self.optimizers = make_optimizers(self.model)

    def advance(self) -> TrainingStep:
        """Do one step and tell what it did."""
        config = self.config
        if self.step == self._unquantised:
            self._start_codebook()
        clean, later = self.draw(self.step)
        generator = self._generator(self.step)
        latents = self.model.latents(self._with_noise(clean, generator))
        quantised, codes, pull = self._quantise(latents)
        pixels = self.model.pixels(quantised)
        progress = self._progress()
        share = config.first_pull ** (1 - progress)
        loss = reconstruction_loss(pixels, clean, progress) + share * config.commitment * pull
        if codes is not None and config.consistency:
            apart = self._inconsistency(latents, clean, later, generator)
            loss = loss + share * config.consistency * apart
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
        if self.step < self._unquantised:
            return latents, None, latents.new_zeros(())
        rows = _rows(latents)
        with torch.no_grad():
            codes = self.codes.choose(rows, self.config.evenness)
            chosen = self.codes.codebook[codes]
            self.codes.update(rows, codes, self.config.codebook_rate * max(0.1, self._cosine()))
            if self.step < _RESTART_UNTIL * self.config.steps:
                self.codes.restart(rows, self.config.restart_share, self._generator(self.step))
        batch, channels, height, width = latents.shape
        through = rows + (chosen - rows).detach()  # straight through: gradients pass as they are
        quantised = through.view(batch, height, width, channels).permute(0, 3, 1, 2)
        return quantised, codes, F.mse_loss(rows, chosen)

    def _inconsistency(
        self, latents: Tensor, clean: Tensor, later: Tensor, generator: torch.Generator
    ) -> Tensor:
        """How far some crops' latents are from those of their later frame, in code distances."""
        count = max(1, len(clean) // _PAIRED)
        clean, later = clean[:count], later[:count]
        others = self.model.latents(self._with_noise(later, generator))
        apart = consistency_loss(_rows(latents[:count]), _rows(others), still_tokens(clean, later))
        return apart / self.codes.distance

    def _descend(self, loss: Tensor) -> None:
        rate = self.config.learning_rate * self._cosine() * min(1, (self.step + 1) / 50)
        self.model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        descend(self.optimizers, rate)
        decay = min(self.config.average_decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            pairs = zip(self.average.parameters(), self.model.parameters(), strict=True)
            for average, current in pairs:
                average.lerp_(current, 1 - decay)
            self.average.codebook.copy_(self.codes.codebook)

    def _cosine(self) -> float:
        """From 1 at the first step down to 0 after the last."""
        return 0.5 * (1 + math.cos(math.pi * self.step / self.config.steps))

    def _progress(self) -> float:
        """From 0 at the first step to 1 after the last; what began from a tokenizer is there."""
        return 1.0 if self.start else 1 - self._cosine()

    @property
    def _unquantised(self) -> int:
        return 0 if self.start else self.config.unquantised_steps

    @torch.no_grad()
    def _start_codebook(self) -> None:
        """The codes to begin with: the tokenizer's, or k-means over latents of undrawn crops."""
        latents: list[Tensor] = []
        wanted = _LATENTS_PER_CODE * self.config.vocabulary
        while sum(map(len, latents)) < wanted:
            latents.append(_rows(self.model.latents(self.draw(_FAR_STEP + len(latents))[0])))
        every = torch.cat(latents)
        if self.start:
            codebook = self.model.codebook.clone()
        else:
            generator = self._generator(_FAR_STEP)
            codebook = k_means(every, self.config.vocabulary, generator, _K_MEANS_ROUNDS)
        distance = squared_distance(every, codebook[nearest_codes(every, codebook)])
        self.codes.start(codebook, len(latents[0]) / self.config.vocabulary, distance)

    def draw(self, step: int) -> tuple[Tensor, Tensor]:
        """Crops of a step and the same parts a frame later, each `(B, 3, crop, crop)` in [0, 1]."""
        config = self.config
        crops = draw_crops(
            self.scenes,
            batch_size=config.batch_size,
            crop=config.crop,
            sides=config.sides,
            seed=config.seed,
            step=step,
        )
        pixels = (half.to(self.device).float() / 255 for half in crops)
        clean, later = (half.contiguous(memory_format=torch.channels_last) for half in pixels)
        return clean, later

    def _with_noise(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        size = self.config.noise * torch.rand(len(clean), 1, 1, 1, generator=generator)
        return clean + (size * video_noise(clean.shape, generator)).to(clean.device)

    def _generator(self, step: int) -> torch.Generator:
        return torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)

    def save(self, path: Path) -> None:
        """Write a checkpoint atomically."""
        header = {"format": "checkpoint", "step": self.step, **self._identity()}
        write_weights(path, header, self._state())

    def load(self, path: Path) -> None:
        """Continue from a checkpoint of the same data and configuration.

        Raises:
            TokenizerError: It is no checkpoint, or one of another run.
        """
        header, state = read_weights(path)
        if header.get("format") != "checkpoint":
            raise TokenizerError(f"{path}: not a training checkpoint")
        if any(header.get(key) != value for key, value in self._identity().items()):
            raise TokenizerError(
                f"{path}: belongs to other images or another configuration; "
                "repeat the command that began it, or delete it to begin anew"
            )
        for name, module in self._modules().items():
            load_into(module, _below(state, name), path)
        for name, optimizer, parameter in learners(self.model, self.optimizers):
            optimizer.state[parameter] = {
                key: value if key == "step" else value.to(self.device)
                for key, value in _below(state, f"optimizer.{name}").items()
            }
        self.step = int(header["step"])

    def _identity(self) -> dict[str, Any]:
        """What decides the weights to come, as it reads back from JSON."""
        start = self.start.fingerprint if self.start else None
        identity = {"data": self.data, "config": self.config.identity(), "start": start}
        return cast(dict[str, Any], json.loads(json.dumps(identity)))

    def _modules(self) -> dict[str, torch.nn.Module]:
        return {"model": self.model, "average": self.average, "codes": self.codes}

    def _state(self) -> dict[str, Tensor]:
        state = {
            f"{name}.{key}": value
            for name, module in self._modules().items()
            for key, value in module.state_dict().items()
        }
        for name, optimizer, parameter in learners(self.model, self.optimizers):
            for key, value in optimizer.state[parameter].items():
                state[f"optimizer.{name}.{key}"] = value
        return state


def _rows(latents: Tensor) -> Tensor:
    """Latents `(B, d, h, w)` as rows `(B * h * w, d)`."""
    return latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1])


def _below(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The entries of `state` below `prefix.`, without it."""
    start = prefix + "."
    return {name.removeprefix(start): state[name] for name in state if name.startswith(start)}
