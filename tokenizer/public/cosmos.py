"""NVIDIA's Cosmos discrete tokenizers: DI8x8, DI16x16 for images, DV4x8x8 and others for video.

They are published as TorchScript, which is code: it is loaded only when trusted.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..compute import in_fixed_batches
from ..interface import LoadOptions, Tokenizer, TokenizerError, fingerprint_of
from ..video_tokenizer import VideoTokenizer
from ..weights_file import FILE_NAME, read_weights, tokenizer_header, write_weights
from .cosmos_scripts import CosmosScripts

KIND = "cosmos"
VOCABULARY = 64_000  # finite scalar quantisation in 8 x 8 x 8 x 5 x 5 x 5 levels
WINDOW = 17  # frames that the published code gives the network at a time


class _CosmosTokenizer(Tokenizer):
    """What the tokenizers of images and of video have in common."""

    vocabulary = VOCABULARY
    window = 1

    def __init__(self, scripts: CosmosScripts, *, name: str) -> None:
        self.name = name
        self.compression = scripts.compression
        self.precision = scripts.precision
        self._scripts = scripts
        self._fingerprint = fingerprint_of({"kind": KIND, "window": self.window}, scripts.files)

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self._scripts.device

    @property
    def fingerprint(self) -> str:
        """Sha256 (hex) over the configuration and the scripts' files."""
        return self._fingerprint

    @property
    def codebook(self) -> None:
        """None: finite scalar quantisation has no code vectors."""
        return None

    def save(self, folder: Path) -> Path:
        """Write `tokenizer.safetensors`, the scripts in it, into `folder`; returns its path."""
        path = Path(folder) / FILE_NAME
        header = tokenizer_header(KIND, self.name, {"window": self.window})
        write_weights(path, header, self._scripts.files)
        return path

    def _codes(self, pixels: Tensor) -> Tensor:
        codes = self._scripts.encode(pixels)
        if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) < VOCABULARY:
            raise TokenizerError(f"{self._scripts.source}: gives codes outside {VOCABULARY:,}")
        return codes


class CosmosImageTokenizer(_CosmosTokenizer):
    """DI8x8 and DI16x16: single frames."""

    def _encode(self, frames: Tensor) -> Tensor:
        grid = (frames.shape[2] // self.compression, frames.shape[3] // self.compression)
        return in_fixed_batches(
            self._codes, frames, device=self.device, dtype=torch.int64, shape=grid
        )

    def _decode(self, codes: Tensor) -> Tensor:
        size = (3, codes.shape[1] * self.compression, codes.shape[2] * self.compression)
        return in_fixed_batches(
            self._scripts.decode, codes, device=self.device, dtype=torch.uint8, shape=size
        )


class CosmosVideoTokenizer(_CosmosTokenizer, VideoTokenizer):
    """DV4x8x8, DV8x8x8, DV8x16x16: clips, one at a time."""

    window = WINDOW

    def __init__(self, scripts: CosmosScripts, *, name: str) -> None:
        """Take over scripts of a tokenizer of video."""
        super().__init__(scripts, name=name)
        assert scripts.temporal_compression is not None
        self.temporal_compression = scripts.temporal_compression

    def _encode_window(self, frames: Tensor) -> Tensor:
        clip = frames.to(self.device).transpose(0, 1)[None]  # (1, 3, T, H, W)
        return self._codes(clip)[0]

    def _decode_window(self, codes: Tensor) -> Tensor:
        return self._scripts.decode(codes.to(self.device)[None])[0].transpose(0, 1)


def load_cosmos(path: Path, options: LoadOptions) -> Tokenizer:
    """One of NVIDIA's Cosmos discrete tokenizers.

    Args:
        path: A folder with `encoder.jit` and, to draw pictures, `decoder.jit`; or the encoder's
            file, the decoder beside it.
        options: How to load it; the precision is that of both networks. The published files were
            made for `bf16`.

    Raises:
        TokenizerError: Not trusted; no such file, a truncated one, or one of something else.
    """
    encoder = path / "encoder.jit" if path.is_dir() else path
    decoder = encoder.parent / "decoder.jit"
    if not encoder.is_file():
        raise TokenizerError(f"{encoder}: no such file of weights")
    _demand_trust(encoder, options)
    files = {"encoder": _content(encoder)}
    if decoder.is_file() and decoder != encoder:
        files["decoder"] = _content(decoder)
    return _cosmos(CosmosScripts(files, source=encoder, options=options), KIND)


def load_saved_cosmos(path: Path, options: LoadOptions) -> Tokenizer:
    """Read what the `save` of a Cosmos tokenizer wrote.

    Raises:
        TokenizerError: Not trusted; the file is missing, truncated, or not such a tokenizer.
    """
    _demand_trust(path, options)
    header, files = read_weights(path)
    if "encoder" not in files or any(data.dtype != torch.uint8 for data in files.values()):
        raise TokenizerError(f"{path}: its configuration cannot be used (no encoder)")
    scripts = CosmosScripts(files, source=path, options=options)
    return _cosmos(scripts, str(header.get("name", KIND)))


def _cosmos(scripts: CosmosScripts, name: str) -> Tokenizer:
    video = scripts.temporal_compression is not None
    return (CosmosVideoTokenizer if video else CosmosImageTokenizer)(scripts, name=name)


def _demand_trust(path: Path, options: LoadOptions) -> None:
    if not options.trust:
        raise TokenizerError(
            f"{path}: TorchScript is code, which runs when it is loaded; if you trust whoever made "
            "the file, say so with --trust"
        )


def _content(path: Path) -> Tensor:
    return torch.from_numpy(np.fromfile(path, dtype=np.uint8))
