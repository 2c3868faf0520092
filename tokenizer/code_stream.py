"""Codes of one video whose frames come in pieces: the pieces change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .interface import Tokenizer


class CodeStream:
    """Codes of one video, from its frames in order; `Tokenizer.stream` makes one a video.

    What `push` returned, call after call, and at last `end`, joined along time, are the codes of
    the whole video. How the frames are split over calls changes no code.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Begin a video."""
        self._tokenizer = tokenizer
        self._grid = (0, 0)

    def push(self, frames: Tensor) -> Tensor:
        """Take the next frames `(N, 3, H, W)` uint8; returns codes `(n, h, w)` that are ready.

        Raises:
            TokenizerError: The frames are of another type or shape.
        """
        codes = self._push(frames)
        self._grid = (codes.shape[1], codes.shape[2])
        return codes

    def end(self) -> Tensor:
        """Codes `(n, h, w)` of frames that still waited for others; the stream is over."""
        return torch.zeros(0, *self._grid, dtype=torch.int64, device=self._tokenizer.device)

    def _push(self, frames: Tensor) -> Tensor:
        return self._tokenizer.encode(frames)
