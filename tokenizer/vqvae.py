"""The built-in tokenizer: a small, norm-free, fully convolutional VQ-VAE.

No normalisation and no attention, so a token depends only on pixels near it. Borders are
replicated, so a token at the edge looks like the same content in the middle.
Shapes: B frames of H x W pixels; h = H / 8, w = W / 8; d latent channels; V codes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .code_stream import CodeStream
from .compute import arithmetic, channels_last, in_fixed_batches
from .interface import Tokenizer, TokenizerError, check_frames, fingerprint_of
from .quantizer import nearest_codes
from .steady import SteadyStream
from .weights_file import FILE_NAME, load_into, read_weights, tokenizer_header, write_weights

KIND = "vqvae"
COMPRESSION = 8
MAX_VOCABULARY = 65_536


@dataclass(frozen=True, kw_only=True)
class VQVAEConfig:
    """Sizes of the network; every field is part of the tokenizer's identity.

    Pairs are in the order of the data's way: the encoder's fine grid (4 x 4 pixels a cell), then
    its coarse one (8 x 8); the decoder's coarse grid, then its fine one. The decoder may be the
    larger half: encoding is what takes time, over every frame of a data set.

    Attributes:
        vocabulary: Number of codes.
        latent_channels: Numbers a code is made of.
        encoder_channels: Widths of the encoder's grids.
        encoder_blocks: Residual blocks on each.
        decoder_channels: Widths of the decoder's grids.
        decoder_blocks: Residual blocks on each.
    """

    vocabulary: int = 4096
    latent_channels: int = 16
    encoder_channels: tuple[int, int] = (64, 128)
    encoder_blocks: tuple[int, int] = (2, 2)
    decoder_channels: tuple[int, int] = (160, 96)
    decoder_blocks: tuple[int, int] = (3, 2)

    def __post_init__(self) -> None:
        """Refuse sizes that cannot be built."""
        if not (isinstance(self.vocabulary, int) and 2 <= self.vocabulary <= MAX_VOCABULARY):
            raise TokenizerError(
                f"vocabulary {self.vocabulary} is not between 2 and {MAX_VOCABULARY}"
            )
        channels = (self.encoder_channels, self.decoder_channels)
        pairs = (*channels, self.encoder_blocks, self.decoder_blocks)
        sizes = (self.latent_channels, *chain.from_iterable(pairs))
        if any(len(pair) != 2 for pair in pairs):
            raise TokenizerError(f"network sizes must be pairs, not {pairs}")
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
        fine_blocks, coarse_blocks = config.encoder_blocks
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(4),  # (B, 48, 2h, 2w)
            _Conv3x3(48, fine),
            *(_Block(fine) for _ in range(fine_blocks)),
            nn.PixelUnshuffle(2),  # (B, 4 * fine, h, w)
            nn.Conv2d(4 * fine, coarse, kernel_size=1),
            *(_Block(coarse) for _ in range(coarse_blocks)),
            nn.Conv2d(coarse, config.latent_channels, kernel_size=1),
        )
        coarse, fine = config.decoder_channels
        coarse_blocks, fine_blocks = config.decoder_blocks
        self.decoder = nn.Sequential(
            _Conv3x3(config.latent_channels, coarse),
            *(_Block(coarse) for _ in range(coarse_blocks)),
            nn.Conv2d(coarse, 4 * fine, kernel_size=1),
            nn.PixelShuffle(2),  # (B, fine, 2h, 2w)
            *(_Block(fine) for _ in range(fine_blocks)),
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
        self.precision = precision
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

    def weights(self) -> dict[str, Tensor]:
        """Every weight and the codebook, by its name in the network."""
        return self._model.state_dict()

    def save(self, folder: Path) -> Path:
        """Write `tokenizer.safetensors` into `folder`; returns its path."""
        path = Path(folder) / FILE_NAME
        save_vqvae(path, self._model, self.config, name=self.name)
        return path

    @torch.no_grad()
    def latents(self, frames: Tensor) -> Tensor:
        """Latents `(N, h, w, d)` float32 of frames `(N, 3, H, W)` uint8, before quantisation.

        Raises:
            TokenizerError: The frames are of another type or shape.
        """
        check_frames(frames, COMPRESSION)
        shape = (*_grid(frames), self.config.latent_channels)
        return in_fixed_batches(
            self._latents, frames, device=self.device, dtype=torch.float32, shape=shape
        )

    @torch.no_grad()
    def _encode(self, frames: Tensor) -> Tensor:
        return in_fixed_batches(
            self._encode_batch, frames, device=self.device, dtype=torch.int64, shape=_grid(frames)
        )

    @torch.no_grad()
    def _decode(self, codes: Tensor) -> Tensor:
        size = (3, codes.shape[1] * COMPRESSION, codes.shape[2] * COMPRESSION)
        return in_fixed_batches(
            self._decode_batch, codes, device=self.device, dtype=torch.uint8, shape=size
        )

    def _steady_stream(self, steady: float) -> CodeStream:
        return SteadyStream(self, self.latents, self.codebook, steady)

    def _encode_batch(self, frames: Tensor) -> Tensor:
        return nearest_codes(self._latents(frames), self.codebook)

    def _latents(self, frames: Tensor) -> Tensor:
        """Frames `(B, 3, H, W)` to latents `(B, h, w, d)`."""
        pixels = (frames.float() / 255).contiguous(memory_format=torch.channels_last)
        with arithmetic(self.device, self.precision):
            latents = self._model.latents(pixels)
        return latents.float().permute(0, 2, 3, 1)

    def _decode_batch(self, codes: Tensor) -> Tensor:
        pixels = self._model.pixels(self.codebook[codes].permute(0, 3, 1, 2))
        return (255 * pixels).round_().clamp_(0, 255).to(torch.uint8)


def _grid(frames: Tensor) -> tuple[int, int]:
    """Rows and columns of tokens of frames `(N, 3, H, W)`."""
    return frames.shape[2] // COMPRESSION, frames.shape[3] // COMPRESSION


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
        lists = {key: tuple(value) for key, value in fields.items() if isinstance(value, list)}
        return VQVAEConfig(**{**fields, **lists})
    except (TypeError, AttributeError, TokenizerError) as error:
        raise TokenizerError(f"{path}: its configuration cannot be used ({error})") from error
