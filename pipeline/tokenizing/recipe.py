"""How a video's frames become codes: everything that decides them but the tokenizer."""

from dataclasses import dataclass, field

from ...datasets import View
from ..video import ReadLimits, sizes_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How a video's frames become codes.

    Attributes:
        fps: frames a second to decode and encode.
        size: side of the square frames in pixels.
        views: what is shown to the tokenizer of each frame.
        steady: see `Tokenizer.stream`.
        limits: bounds a video is read within.
    """

    fps: float
    size: int
    views: tuple[View, ...] = (View(),)
    steady: float = 0.0
    limits: ReadLimits = field(default_factory=ReadLimits)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Shorter sides at which frames are decoded."""
        return sizes_of(self.views, self.size)
