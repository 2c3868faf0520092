"""The built-in tokenizer: a small, norm-free, fully convolutional VQ-VAE.

No normalisation and no attention, so a token depends only on pixels near it. Borders are
replicated, so a token at the edge looks like the same content in the middle.
Shapes: B frames of H x W pixels; h = H / 8, w = W / 8; d latent channels; V codes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .compute import arithmetic, channels_last, in_fixed_batches, parse_precision
from .interface import Tokenizer, TokenizerError, fingerprint_of
from .quantizer import nearest_codes
from .weights_file import FILE_NAME, load_into, read_weights, tokenizer_header, write_weights

KIND = "vqvae"
COMPRESSION = 8
MAX_VOCABULARY = 65_536


@dataclass(frozen=True, kw_only=True)
class VQVAEConfig:
    """Sizes of the network; every field is part of the tokenizer's identity."""

    vocabulary: int = 4096
    latent_channels: int = 16
    encoder_channels: tuple[int, int] = (64, 128)
    decoder_channels: tuple[int, int] = (160, 96)
    blocks: int = 2

    def __post_init__(self) -> None:
        """Refuse sizes that cannot be built."""
        if not 2 <= self.vocabulary <= MAX_VOCABULARY:
            raise TokenizerError(
                f"vocabulary {self.vocabulary} is not between 2 and {MAX_VOCABULARY}"
            )
        sizes = (self.latent_channels, *self.encoder_channels, *self.decoder_channels, self.blocks)
        if not all(isinstance(size, int) and 1 <= size <= 4096 for size in sizes):
            raise TokenizerError(f"network sizes must be integers from 1 to 4096, not {sizes}")


class _Conv3x3(nn.Conv2d):
    """A 3 x 3 convolution over replicated borders."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, kernel_size=3)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, (1, 1, 1, 1), mode="replicate"))


class _Block(nn.Module):
    """Residual block: ReLU, 3 x 3, ReLU, 1 x 1. It starts as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.spatial = _Conv3x3(channels, channels)
        self.mix = nn.Conv2d(channels, channels, kernel_size=1)
        nn.init.zeros_(self.mix.weight)
        nn.init.zeros_(self.mix.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.mix(F.relu(self.spatial(F.relu(x))))
        return x + out


class VQVAE(nn.Module):
    """Encoder, codebook and decoder."""

    codebook: Tensor

    def __init__(self, config: VQVAEConfig) -> None:
        super().__init__()
        fine, coarse = config.encoder_channels
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(4),  # (B, 48, 2h, 2w)
            _Conv3x3(48, fine),
            *(_Block(fine) for _ in range(config.blocks)),
            nn.PixelUnshuffle(2),  # (B, 4 * fine, h, w)
            nn.Conv2d(4 * fine, coarse, kernel_size=1),
            *(_Block(coarse) for _ in range(config.blocks)),
            nn.Conv2d(coarse, config.latent_channels, kernel_size=1),
        )
        coarse, fine = config.decoder_channels
        self.decoder = nn.Sequential(
            _Conv3x3(config.latent_channels, coarse),
            *(_Block(coarse) for _ in range(config.blocks)),
            nn.Conv2d(coarse, 4 * fine, kernel_size=1),
            nn.PixelShuffle(2),  # (B, fine, 2h, 2w)
            *(_Block(fine) for _ in range(config.blocks)),
            _Conv3x3(fine, 48),
            nn.PixelShuffle(4),  # (B, 3, H, W)
        )
        self.register_buffer("codebook", torch.zeros(config.vocabulary, config.latent_channels))

    def latents(self, pixels: Tensor) -> Tensor:
        """Pixels `(B, 3, H, W)` in [0, 1] to latents `(B, d, h, w)`, not quantised."""
        out: Tensor = self.encoder(2 * pixels - 1)
        return out

    def pixels(self, latents: Tensor) -> Tensor:
        """Latents `(B, d, h, w)` to pixels `(B, 3, H, W)`, around [0, 1] but not clamped."""
        out: Tensor = self.decoder(latents)
        return 0.5 * out + 0.5


class VQVAETokenizer(Tokenizer):
    """A trained `VQVAE` as a tokenizer."""

    compression = COMPRESSION

    def __init__(
        self,
        model: VQVAE,
        config: VQVAEConfig,
        *,
        name: str = KIND,
        device: str = "cpu",
        precision: str = "fp32",
    ) -> None:
        """Take over a model whose weights are set."""
        self.name = name
        self.config = config
        self.vocabulary = config.vocabulary
        self.precision = parse_precision(precision)
        self._fingerprint = fingerprint_of({"kind": KIND, **asdict(config)}, model.state_dict())
        self._model = channels_last(model, device).eval()

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self._model.codebook.device

    @property
    def fingerprint(self) -> str:
        """Sha256 (hex) over the configuration and every weight."""
        return self._fingerprint

    @property
    def codebook(self) -> Tensor:
        """Code vectors `(V, d)` float32."""
        return self._model.codebook

    def save(self, folder: Path) -> Path:
        """Write `tokenizer.safetensors` into `folder`; returns its path."""
        path = Path(folder) / FILE_NAME
        save_vqvae(path, self._model, self.config, name=self.name)
        return path

    @torch.no_grad()
    def _encode(self, frames: Tensor) -> Tensor:
        grid = (frames.shape[2] // COMPRESSION, frames.shape[3] // COMPRESSION)
        return in_fixed_batches(
            self._encode_batch, frames, device=self.device, dtype=torch.int64, shape=grid
        )

    @torch.no_grad()
    def _decode(self, codes: Tensor) -> Tensor:
        size = (3, codes.shape[1] * COMPRESSION, codes.shape[2] * COMPRESSION)
        return in_fixed_batches(
            self._decode_batch, codes, device=self.device, dtype=torch.uint8, shape=size
        )

    def _encode_batch(self, frames: Tensor) -> Tensor:
        pixels = (frames.float() / 255).contiguous(memory_format=torch.channels_last)
        with arithmetic(self.device, self.precision):
            latents = self._model.latents(pixels)
        latents = latents.float().permute(0, 2, 3, 1)  # (B, h, w, d)
        codes = nearest_codes(latents.reshape(-1, latents.shape[-1]), self.codebook)
        return codes.view(latents.shape[:-1])

    def _decode_batch(self, codes: Tensor) -> Tensor:
        pixels = self._model.pixels(self.codebook[codes].permute(0, 3, 1, 2))
        return (255 * pixels).round_().clamp_(0, 255).to(torch.uint8)


def save_vqvae(path: Path, model: VQVAE, config: VQVAEConfig, *, name: str) -> None:
    """Write a model as a tokenizer file, atomically."""
    write_weights(path, tokenizer_header(KIND, name, asdict(config)), model.state_dict())


def load_vqvae(path: Path, *, device: str = "cpu", precision: str = "fp32") -> VQVAETokenizer:
    """Read a file written by `save_vqvae`.

    Raises:
        TokenizerError: The file is missing, truncated, or not a VQ-VAE tokenizer.
    """
    header, weights = read_weights(path)
    if (header.get("format"), header.get("version"), header.get("kind")) != ("tokenizer", 1, KIND):
        raise TokenizerError(f"{path}: not a tokenizer this version of vimpac can read")
    config = _parse_config(header.get("config"), path)
    with torch.device("meta"):
        model = VQVAE(config)
    load_into(model, weights, path)
    name = str(header.get("name", KIND))
    return VQVAETokenizer(model, config, name=name, device=device, precision=precision)


def _parse_config(fields: Any, path: Path) -> VQVAEConfig:
    try:
        pairs = {key: tuple(fields[key]) for key in ("encoder_channels", "decoder_channels")}
        return VQVAEConfig(**{**fields, **pairs})
    except (TypeError, KeyError, TokenizerError) as error:
        raise TokenizerError(f"{path}: its configuration cannot be used ({error})") from error
