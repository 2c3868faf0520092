"""What every tokenizer is: frames to codes and back, and a fingerprint that says which one."""

from __future__ import annotations

import hashlib
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .code_stream import CodeStream

PRECISIONS = ("fp32", "bf16")


class TokenizerError(ValueError):
    """A mistake in what was given to a tokenizer, told in one line."""


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """How to load a tokenizer.

    Attributes:
        device: Where to put its weights.
        precision: Arithmetic of the encoder, `fp32` or `bf16`.
        trust: Allow files that run code of their own when loaded; only TorchScript asks for it.
    """

    device: str = "cpu"
    precision: str = "fp32"
    trust: bool = False

    def __post_init__(self) -> None:
        """Refuse unknown precisions."""
        if self.precision not in PRECISIONS:
            names = ", ".join(PRECISIONS)
            raise TokenizerError(f"precision must be one of {names}, not {self.precision!r}")


class Tokenizer(ABC):
    """Frames `(N, 3, H, W)` uint8 to codes `(N, H / f, W / f)` int64, and back.

    Two tokenizers are the same if and only if their fingerprints are. Codes of a frame depend on
    that frame alone: neither on the batch size nor on what else is in the batch. Only tokenizers
    with a temporal compression c above 1 (see `VideoTokenizer`) take the N frames as one clip.

    Attributes:
        name: What people call it; not part of its identity.
        vocabulary: Number of codes V; every code is in `[0, V)`.
        compression: Pixels a token spans along each side (f).
        temporal_compression: Frames a token spans; 1 for tokenizers of single frames.
        precision: Arithmetic of the encoder, `fp32` or `bf16`.
    """

    name: str
    vocabulary: int
    compression: int
    temporal_compression: int = 1
    precision: str = "fp32"

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where its weights are, and where codes and frames are returned."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Sha256 (hex) over the configuration and every weight."""

    @property
    @abstractmethod
    def codebook(self) -> Tensor | None:
        """Code vectors `(V, d)` float32, or None where the tokenizer has none."""

    @abstractmethod
    def save(self, folder: Path) -> Path:
        """Write what `load_tokenizer(folder)` reads; returns the file written."""

    @abstractmethod
    def _encode(self, frames: Tensor) -> Tensor:
        """Encode frames that were checked already."""

    @abstractmethod
    def _decode(self, codes: Tensor) -> Tensor:
        """Decode codes that were checked already."""

    def encode(self, frames: Tensor) -> Tensor:
        """Turn frames into codes.

        Args:
            frames: `(N, 3, H, W)` uint8 RGB; H and W are multiples of `compression`.

        Returns:
            `(N, H / f, W / f)` int64 codes in `[0, vocabulary)`.

        Raises:
            TokenizerError: The frames are of another type or shape.
        """
        check_frames(frames, self.compression)
        return self._encode(frames)

    def decode(self, codes: Tensor) -> Tensor:
        """Turn codes back into frames.

        Args:
            codes: `(N, h, w)` integers in `[0, vocabulary)`.

        Returns:
            `(N, 3, h * f, w * f)` uint8 RGB.

        Raises:
            TokenizerError: The codes are of another type or shape, or outside the vocabulary.
        """
        if codes.dtype.is_floating_point or codes.dtype.is_complex or codes.ndim != 3:
            given = f"{str(codes.dtype).removeprefix('torch.')} {tuple(codes.shape)}"
            raise TokenizerError(f"codes must be integers (N, h, w), not {given}")
        codes = codes.to(torch.int64)
        if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) < self.vocabulary:
            raise TokenizerError(
                f"codes from {int(codes.min())} to {int(codes.max())} do not fit the vocabulary "
                f"of {self.vocabulary}; were they made by another tokenizer?"
            )
        return self._decode(codes)

    def stream(self, steady: float = 0.0) -> CodeStream:
        """Begin to encode a video whose frames come in pieces.

        Args:
            steady: A token keeps the code of the frame before while that code's squared distance
                is within (1 + steady) times the nearest's; 0 chooses the nearest always.

        Raises:
            TokenizerError: `steady` is negative, or above 0 for a tokenizer without a codebook.
        """
        if not 0 <= steady < math.inf:
            raise TokenizerError(f"steady must be 0 or more, not {steady}")
        return self._steady_stream(steady) if steady else self._stream()

    def _stream(self) -> CodeStream:
        """A stream that chooses the nearest codes."""
        return CodeStream(self)

    def _steady_stream(self, steady: float) -> CodeStream:
        """A stream that keeps codes steady, `steady` above 0; those that can override this."""
        raise TokenizerError(
            f"tokenizer '{self.name}' chooses codes without distances to a codebook, so it cannot "
            f"keep them steady: leave steady at 0, not {steady}"
        )


def check_frames(frames: Tensor, compression: int) -> None:
    """Refuse what is not `(N, 3, H, W)` uint8 with sides that are multiples of `compression`.

    Raises:
        TokenizerError: The frames are of another type or shape.
    """
    if frames.dtype != torch.uint8 or frames.ndim != 4 or frames.shape[1] != 3:
        given = f"{str(frames.dtype).removeprefix('torch.')} {tuple(frames.shape)}"
        raise TokenizerError(f"frames must be uint8 (N, 3, H, W), not {given}")
    height, width = frames.shape[2:]
    if height % compression or width % compression or not height * width:
        raise TokenizerError(
            f"frames of {height} x {width} pixels: both sides must be multiples of "
            f"{compression}; resize or crop them first"
        )


def fingerprint_of(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> str:
    """Sha256 (hex) over canonical JSON of `config` and each weight's name, dtype, shape, bytes."""
    digest = hashlib.sha256(json.dumps(config, sort_keys=True, separators=(",", ":")).encode())
    for name in sorted(weights):
        weight = weights[name].detach().cpu().contiguous()
        digest.update(f"\n{name} {weight.dtype} {tuple(weight.shape)}\n".encode())
        digest.update(weight.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
