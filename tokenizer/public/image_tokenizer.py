"""A public image tokenizer: its network, its sizes, and our file of the two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..code_stream import CodeStream
from ..compute import arithmetic, channels_last, in_fixed_batches
from ..interface import LoadOptions, Tokenizer, check_frames, fingerprint_of
from ..steady import SteadyStream
from ..weights_file import FILE_NAME, load_into, tokenizer_header, write_weights
from .coding_model import CodingModel
from .dalle import DalleConfig, DalleModel
from .vqgan import VQGANModel
from .vqgan_config import VQGANConfig

Config = DalleConfig | VQGANConfig

KINDS: Mapping[str, tuple[type[Any], type[CodingModel]]] = {
    "dalle": (DalleConfig, DalleModel),
    "vqgan": (VQGANConfig, VQGANModel),
}
"""The networks that can be built, with the type of their sizes."""


class PublicImageTokenizer(Tokenizer):
    """A network with its weights, as a tokenizer of single frames."""

    def __init__(
        self,
        kind: str,
        config: Config,
        weights: Mapping[str, Tensor],
        *,
        name: str,
        source: Path,
        options: LoadOptions,
    ) -> None:
        """Build the network of a kind and give it weights read from `source`.

        Raises:
            TokenizerError: The weights do not fit the sizes, or there is no such device.
        """
        with torch.device("meta"):
            model = KINDS[kind][1](config)
        load_into(model, weights, source)
        self.kind = kind
        self.name = name
        self.config = config
        self.vocabulary = config.vocabulary
        self.compression = model.compression
        self.precision = options.precision
        self._fingerprint = fingerprint_of({"kind": kind, **asdict(config)}, weights)
        self._model = channels_last(model, options.device).eval().requires_grad_(False)
        self._device = torch.device(options.device)

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self._device

    @property
    def fingerprint(self) -> str:
        """Sha256 (hex) over the configuration and every weight."""
        return self._fingerprint

    @property
    def codebook(self) -> Tensor | None:
        """Code vectors `(V, d)` float32, or None where codes are the most probable ones."""
        return self._model.codebook

    def save(self, folder: Path) -> Path:
        """Write `tokenizer.safetensors` into `folder`; returns its path."""
        path = Path(folder) / FILE_NAME
        header = tokenizer_header(self.kind, self.name, asdict(self.config))
        write_weights(path, header, self._model.state_dict())
        return path

    @torch.no_grad()
    def _encode(self, frames: Tensor) -> Tensor:
        grid = (frames.shape[2] // self.compression, frames.shape[3] // self.compression)
        return in_fixed_batches(
            self._encode_batch, frames, device=self.device, dtype=torch.int64, shape=grid
        )

    @torch.no_grad()
    def _decode(self, codes: Tensor) -> Tensor:
        size = (3, codes.shape[1] * self.compression, codes.shape[2] * self.compression)
        return in_fixed_batches(
            self._decode_batch, codes, device=self.device, dtype=torch.uint8, shape=size
        )

    def _steady_stream(self, steady: float) -> CodeStream:
        model, codebook = self._model, self.codebook
        if codebook is None or not isinstance(model, VQGANModel):
            return super()._steady_stream(steady)

        def latents(frames: Tensor) -> Tensor:
            check_frames(frames, self.compression)
            grid = (frames.shape[2] // self.compression, frames.shape[3] // self.compression)
            return in_fixed_batches(
                lambda batch: self._run(model.latents, batch),
                frames,
                device=self.device,
                dtype=torch.float32,
                shape=(*grid, codebook.shape[1]),
            )

        return SteadyStream(self, latents, codebook, steady)

    def _encode_batch(self, frames: Tensor) -> Tensor:
        return self._run(self._model.codes, frames)

    def _run(self, encode: Callable[[Tensor], Tensor], frames: Tensor) -> Tensor:
        pixels = (frames.float() / 255).contiguous(memory_format=torch.channels_last)
        with arithmetic(self.device, self.precision):
            return encode(pixels)

    def _decode_batch(self, codes: Tensor) -> Tensor:
        return (255 * self._model.pixels(codes)).round_().clamp_(0, 255).to(torch.uint8)
