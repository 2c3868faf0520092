"""Views: which square of a frame is tokenized, at which scale, mirrored or not.

A view's name says all of it, for any size: `center`, `top_left_flip`, `large_bottom_right`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from ..errors import StoreError

CROPS = ("top_left", "center", "bottom_right")
FULL = "full"
LARGE_SCALE = 1.25


@dataclass(frozen=True, kw_only=True)
class View:
    """One way to show a frame to the tokenizer.

    Attributes:
        crop: `top_left`, `center` or `bottom_right` square, or `full` for the whole frame.
        large: The shorter side is resized to 1.25 times the size before the crop.
        flip: Mirrored left to right.
    """

    crop: str = "center"
    large: bool = False
    flip: bool = False

    def __post_init__(self) -> None:
        """Refuse a crop that does not exist, and variants of the whole frame."""
        if self.crop not in (*CROPS, FULL) or (self.crop == FULL and (self.large or self.flip)):
            raise StoreError(f"no such view: {self}")

    @property
    def name(self) -> str:
        """Its name in a store; `parse_view` inverts it."""
        return f"{'large_' * self.large}{self.crop}{'_flip' * self.flip}"

    @property
    def scale(self) -> float:
        """Shorter side before the crop, in units of the crop's side."""
        return LARGE_SCALE if self.large else 1.0


def parse_view(name: str) -> View:
    """The view of a name; raises StoreError when there is none."""
    crop = name.removeprefix("large_").removesuffix("_flip")
    try:
        view = View(crop=crop, large=name.startswith("large_"), flip=name.endswith("_flip"))
    except StoreError:
        raise StoreError(
            f"no view is named {name!r}: center, full, or [large_]{{{'|'.join(CROPS)}}}[_flip]"
        ) from None
    return view


def paper_views(*, flip: bool = True) -> tuple[View, ...]:
    """The paper's views of downstream training: 2 scales x 3 crops, each also mirrored.

    Args:
        flip: Off where left and right matter (Something-Something V2): 6 views.
    """
    flips = (False, True) if flip else (False,)
    return tuple(
        View(crop=crop, large=large, flip=mirrored)
        for large, crop, mirrored in product((False, True), CROPS, flips)
    )


VIEW_SETS: dict[str, tuple[View, ...]] = {
    "center": (View(),),
    "paper": paper_views(),
    "paper-noflip": paper_views(flip=False),
    "full": (View(crop=FULL),),
}
"""What `--views` names: `center` is pre-training's; `full` keeps whole frames and crops later."""
