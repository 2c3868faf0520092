"""The attention layout: a short string that says which axes each block of a layer attends along.

`,` separates blocks that run one after the other; `|` splits one block's heads between axes that
run in parallel. `T,H|W` is a temporal block, then a block of which half the heads attend along
the height and half along the width. Letters side by side attend jointly: `THW` is full attention,
`T,HW` divided space-time attention. Source: VIMPAC, section 3.2 and table 13.
"""

from collections.abc import Sequence

from ..errors import TrainingError

Axes = str
"""The axes one attention covers jointly: an ordered subset of `THW`."""

Layout = tuple[tuple[Axes, ...], ...]
"""Blocks in their order; each block is its parallel attentions."""

AXES = "THW"


def parse_layout(text: str) -> Layout:
    """Parse a layout string such as `T,H|W` into its blocks.

    Raises:
        TrainingError: an empty block, an unknown or a repeated axis, naming the block.
    """
    return tuple(
        tuple(_parse_axes(axes.strip(), text) for axes in block.split("|"))
        for block in text.split(",")
    )


def _parse_axes(axes: str, text: str) -> Axes:
    ordered = "".join(axis for axis in AXES if axis in axes)
    if not axes or len(ordered) != len(axes):
        raise TrainingError(
            f"layout {text!r}: {axes!r} is not a set of the axes T, H and W; "
            "write for instance T,H|W or T,HW or THW"
        )
    return ordered


def split_evenly(total: int, parts: Sequence[object]) -> list[int]:
    """Split `total` heads over `parts` as evenly as possible, the first ones taking the rest."""
    base, rest = divmod(total, len(parts))
    return [base + (place < rest) for place in range(len(parts))]
