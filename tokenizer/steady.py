"""Steady tokens: what stands still keeps its code, though noise moves its latent a little."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .code_stream import CodeStream
from .interface import Tokenizer, TokenizerError
from .quantizer import nearest_codes


class SteadyStream(CodeStream):
    """Codes of one video, where a token keeps its code until another is clearly nearer."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        latents: Callable[[Tensor], Tensor],
        codebook: Tensor,
        steady: float,
    ) -> None:
        """Begin a video.

        Args:
            tokenizer: Whose codes these are.
            latents: Frames `(N, 3, H, W)` uint8 to latents `(N, h, w, d)`, each frame's its own.
            codebook: `(V, d)`.
            steady: See `Tokenizer.stream`.
        """
        super().__init__(tokenizer)
        self._latents = latents
        self._codebook = codebook
        self._steady = steady
        self._previous: Tensor | None = None

    @torch.no_grad()
    def _push(self, frames: Tensor) -> Tensor:
        latents = self._latents(frames)
        grid = latents.shape[1:3]
        if self._previous is not None and grid != self._previous.shape:
            raise TokenizerError(
                f"frames of {tuple(grid)} tokens after frames of {tuple(self._previous.shape)}: "
                "begin a stream for each video"
            )
        codes = torch.empty(latents.shape[:-1], dtype=torch.int64, device=latents.device)
        for position, frame in enumerate(latents):
            codes[position] = self._choose(frame)
        return codes

    def _choose(self, latents: Tensor) -> Tensor:
        """Codes `(h, w)` of the next frame's latents `(h, w, d)`."""
        codes = nearest_codes(latents, self._codebook)
        if self._previous is not None:
            kept = self._distance(latents, self._previous)
            near_enough = kept <= (1 + self._steady) * self._distance(latents, codes)
            codes = torch.where(near_enough, self._previous, codes)
        self._previous = codes
        return codes

    def _distance(self, latents: Tensor, codes: Tensor) -> Tensor:
        """Squared distances `(h, w)` of latents to the codes `(h, w)`."""
        return (latents - self._codebook[codes]).square().sum(dim=-1)
