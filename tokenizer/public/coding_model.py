"""What an image tokenizer's network does."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class CodingModel(nn.Module, ABC):
    """Pixels `(B, 3, H, W)` in [0, 1] to codes `(B, H / f, W / f)` int64, and back.

    Attributes:
        compression: Pixels a code spans along each side (f).
    """

    compression: int

    @property
    def codebook(self) -> Tensor | None:
        """Code vectors `(V, d)` float32, where codes are chosen by distance to them."""
        return None

    @abstractmethod
    def codes(self, pixels: Tensor) -> Tensor:
        """Encode pixels."""

    @abstractmethod
    def pixels(self, codes: Tensor) -> Tensor:
        """Decode codes; TokenizerError where the network has no decoder."""
