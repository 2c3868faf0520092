"""Which tokens a clip hides from the model (VIMPAC, section 3.3).

A mask is a pure function of its clip's own seed: the same on any device, in any batch, on any
rank. Randomness is counter-based (splitmix64 over tensors), so a whole batch is drawn at once, on
the device.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from ...datasets import mask_token
from ..errors import TrainingError

MaskKind = Literal["block", "iid"]
Replacement = Literal["mask", "bert"]

Grid = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskConfig:
    """What is hidden from the model, and what stands in its place.

    Attributes:
        kind: `block`, the union of random boxes, or `iid`, every token by itself.
        boxes: boxes of a clip.
        share: probability of a token to be hidden, with `iid`.
        replacement: `mask` puts [MASK] everywhere; `bert` puts it in 80 % of the boxes (or
            tokens), random codes in 10 %, and leaves 10 % as they are, to be predicted all the
            same.
    """

    kind: MaskKind = "block"
    boxes: int = 5
    share: float = 0.15
    replacement: Replacement = "mask"

    def __post_init__(self) -> None:
        for name, choices in (("kind", get_args(MaskKind)), ("replacement", get_args(Replacement))):
            if getattr(self, name) not in choices:
                raise TrainingError(
                    f"mask {name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}"
                )
        if self.boxes < 1:
            raise TrainingError(f"a mask needs at least 1 box, not {self.boxes}")
        if not 0 < self.share < 1:
            raise TrainingError(f"the masked share must be in (0, 1), not {self.share}")


def hide(
    codes: Tensor, seeds: Tensor, config: MaskConfig, vocabulary: int
) -> tuple[Tensor, Tensor]:
    """Choose tokens to hide and hide them.

    Args:
        codes: `(N, T, H, W)` int64.
        seeds: `(N,)` int64, one a clip, on the same device.
        config: see its class.
        vocabulary: codes of the tokenizer; those above, [PAD] among them, are never hidden.

    Returns:
        The codes the model is to see, and the mask: `(N, T, H, W)` bool, true = to be predicted.
    """
    frames, height, width = codes.shape[1:]
    grid = frames, height, width
    if config.kind == "iid":
        order = torch.where(iid_mask(seeds, grid, config.share), 0, -1)
        choice = uniform(seeds + 1, order[0].numel()).reshape(order.shape)
    else:
        covers = box_covers(seeds, grid, config.boxes)
        order = torch.where(covers.any(1), covers.int().argmax(1), -1)  # the first box that covers
        draws = uniform(seeds + 1, config.boxes)
        choice = draws.gather(1, order.clamp(min=0).flatten(1)).reshape(order.shape)
    mask = (order >= 0) & (codes < vocabulary)
    hidden = codes.masked_fill(mask, mask_token(vocabulary))
    if config.replacement == "bert":
        noise = uniform(seeds + 2, order[0].numel()).reshape(order.shape) * vocabulary
        hidden = torch.where(mask & (choice < 0.2), noise.long(), hidden)
        hidden = torch.where(mask & (choice < 0.1), codes, hidden)
    return hidden, mask


GOLDEN = -0x61C8864680B583EB
MIX = (-0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15)
"""Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014)."""


def uniform(seeds: Tensor, count: int) -> Tensor:
    """Numbers uniform in [0, 1): `count` for each of `(N,)` int64 seeds, `(N, count)` float64."""
    counter = torch.arange(1, count + 1, device=seeds.device)
    bits = _mixed(seeds)[:, None] + counter * GOLDEN
    return _shifted(_mixed(bits), 11).double() * 2.0**-53


def _mixed(bits: Tensor) -> Tensor:
    """The finaliser of splitmix64; int64 arithmetic wraps around."""
    bits = (bits ^ _shifted(bits, 30)) * MIX[0]
    bits = (bits ^ _shifted(bits, 27)) * MIX[1]
    return bits ^ _shifted(bits, 31)


def _shifted(bits: Tensor, places: int) -> Tensor:
    """Logical shift to the right."""
    return (bits >> places) & ((1 << (64 - places)) - 1)


def block_mask(seeds: Tensor, grid: Grid, boxes: int) -> Tensor:
    """Draw block masks, the union of each clip's boxes: `(N, T, H, W)` bool; see `box_covers`."""
    return box_covers(seeds, grid, boxes).any(1)


def box_covers(seeds: Tensor, grid: Grid, boxes: int) -> Tensor:
    """Draw every clip's random boxes.

    A box's sizes are uniform integers in [1, floor(2T/3)], [1, floor(H/2)], [1, floor(W/2)] (at
    least 1), its corner uniform among the places where it fits.

    Args:
        seeds: `(N,)` int64, one a clip.
        grid: `(T, H, W)`.
        boxes: boxes a clip.

    Returns:
        `(N, boxes, T, H, W)` bool, true where a box covers.
    """
    sizes = torch.tensor(grid, device=seeds.device)
    largest = (sizes * torch.tensor([4, 3, 3], device=seeds.device) // 6).clamp(min=1)
    draws = uniform(seeds, boxes * 6).unflatten(1, (2, boxes, 3))
    box = (draws[:, 0] * largest).long() + 1  # (N, boxes, 3)
    corner = (draws[:, 1] * (sizes - box + 1)).long()
    frames, rows, columns = (
        _covers(corner[..., axis], box[..., axis], size) for axis, size in enumerate(grid)
    )
    return frames[:, :, :, None, None] & rows[:, :, None, :, None] & columns[:, :, None, None, :]


def _covers(corner: Tensor, length: Tensor, size: int) -> Tensor:
    """Which of `size` places `[corner, corner + length)` covers: `(N, boxes, size)` bool."""
    place = torch.arange(size, device=corner.device)
    return (place >= corner[..., None]) & (place < (corner + length)[..., None])


def iid_mask(seeds: Tensor, grid: Grid, share: float) -> Tensor:
    """Mask every token independently with probability `share`: `(N, T, H, W)` bool."""
    return uniform(seeds, math.prod(grid)).unflatten(1, grid) < share


def mean_mask_share(grid: Grid, boxes: int, *, draws: int = 4096) -> float:
    """Mean masked share of `draws` block masks, in [0, 1]."""
    return float(block_mask(torch.arange(draws), grid, boxes).float().mean())
