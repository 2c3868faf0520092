"""The two TorchScript files of a Cosmos tokenizer, run as one; what they raise is one line.

Shapes: B clips of T frames of H x W pixels; code frames T' = 1 + (T - 1) / c; h = H / f, w = W / f.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from ..interface import LoadOptions, TokenizerError

PROBE = (9, 64)  # frames and side of a clip that every model takes
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class CosmosScripts:
    """The two TorchScript files, loaded, and what they turned out to be.

    Attributes:
        files: Contents `(n,)` uint8 of `encoder` and, where there is one, `decoder`.
        source: Where they came from, for messages.
        temporal_compression: c, or None for a tokenizer of images.
        compression: f.
    """

    def __init__(self, files: dict[str, Tensor], *, source: Path, options: LoadOptions) -> None:
        """Load the scripts, which runs code in them.

        Raises:
            TokenizerError: They are truncated, no TorchScript, or no Cosmos discrete tokenizer.
        """
        self.files = files
        self.source = source
        self.precision = options.precision
        self.device = torch.device(options.device)
        self._scripts = {part: self._load(data) for part, data in files.items()}
        self.temporal_compression, self.compression = self._probe()

    def _load(self, data: Tensor) -> torch.jit.ScriptModule:
        content = io.BytesIO(data.numpy().tobytes())
        if not zipfile.is_zipfile(content):
            raise TokenizerError(f"{self.source}: not a whole TorchScript file")
        content.seek(0)
        with self._told("cannot be loaded as TorchScript"), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # TorchScript is what there is
            script = torch.jit.load(content, map_location=self.device)
            return script.eval().to(DTYPES[self.precision])

    def _probe(self) -> tuple[int | None, int]:
        """Temporal and spatial compression, from the codes of a small grey clip or picture."""
        frames, side = PROBE
        clip = torch.full((frames, 3, side, side), 127, dtype=torch.uint8, device=self.device)
        try:
            codes = self.encode(clip.transpose(0, 1)[None])[0]
            temporal = (frames - 1) // max(len(codes) - 1, 1)
        except TokenizerError:
            codes, temporal = self.encode(clip[:1]), None
        return temporal, side // codes.shape[-1]

    @torch.no_grad()
    def encode(self, pixels: Tensor) -> Tensor:
        """Frames `(B, 3, [T,] H, W)` uint8 to codes `(B, [T',] h, w)` int64."""
        given = (2 * (pixels.double() / 255) - 1).to(DTYPES[self.precision])
        with self._told("the encoder fails"):
            made = self._scripts["encoder"](given)
        codes = made[0] if isinstance(made, tuple | list) else made
        if codes.dtype.is_floating_point or codes.ndim != pixels.ndim - 1:
            raise TokenizerError(
                f"{self.source}: gives no codes; is it one of Cosmos' continuous tokenizers (CI, "
                "CV)? DI and DV are discrete"
            )
        return codes.long()

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Codes `(B, [T',] h, w)` int64 to frames `(B, 3, [T,] H, W)` uint8."""
        if "decoder" not in self._scripts:
            raise TokenizerError(f"{self.source}: there is no decoder.jit beside the encoder")
        with self._told("the decoder fails"):
            pixels = self._scripts["decoder"](codes)
        return (127.5 * pixels.float() + 127.5).round_().clamp_(0, 255).to(torch.uint8)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Tell what a script raises in one line; run it as written, since fusing changes codes."""
        try:
            with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
                yield
        except RuntimeError as error:
            lines = [line for line in str(error).splitlines() if line.strip()]
            reason = " ".join(lines[-1].split())[:160] if lines else type(error).__name__
            other = next(name for name in DTYPES if name != self.precision)
            raise TokenizerError(
                f"{self.source}: {what} in {self.precision}, perhaps it works in {other} ({reason})"
            ) from error
