"""Which tokens a clip hides from the model (VIMPAC, section 3.3).

A mask is a pure function of its clip's own seed: the same on any device, in any batch, on any
rank. Randomness is counter-based (splitmix64 over tensors), so a whole batch is drawn at once.
"""

import math

import torch
from torch import Tensor

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


def block_mask(seeds: Tensor, grid: tuple[int, int, int], boxes: int) -> Tensor:
    """Draw block masks: each clip's mask is the union of `boxes` random boxes.

    A box's sizes are uniform integers in [1, floor(2T/3)], [1, floor(H/2)], [1, floor(W/2)] (at
    least 1), its corner uniform among the places where it fits. All clips and boxes are drawn at
    once, on the seeds' device.

    Args:
        seeds: `(N,)` int64, one a clip.
        grid: `(T, H, W)`.
        boxes: boxes a clip.

    Returns:
        `(N, T, H, W)` bool, true = masked.
    """
    sizes = torch.tensor(grid, device=seeds.device)
    largest = (sizes * torch.tensor([4, 3, 3], device=seeds.device) // 6).clamp(min=1)
    draws = uniform(seeds, boxes * 6).unflatten(1, (2, boxes, 3))
    box = (draws[:, 0] * largest).long() + 1  # (N, boxes, 3)
    corner = (draws[:, 1] * (sizes - box + 1)).long()
    frames, rows, columns = (
        _covers(corner[..., axis], box[..., axis], size) for axis, size in enumerate(grid)
    )
    inside = frames[:, :, :, None, None] & rows[:, :, None, :, None] & columns[:, :, None, None, :]
    return inside.any(1)


def _covers(corner: Tensor, length: Tensor, size: int) -> Tensor:
    """Which of `size` places `[corner, corner + length)` covers: `(N, boxes, size)` bool."""
    place = torch.arange(size, device=corner.device)
    return (place >= corner[..., None]) & (place < (corner + length)[..., None])


def iid_mask(seeds: Tensor, grid: tuple[int, int, int], share: float) -> Tensor:
    """Mask every token independently with probability `share`: `(N, T, H, W)` bool."""
    return uniform(seeds, math.prod(grid)).unflatten(1, grid) < share


def mean_mask_share(grid: tuple[int, int, int], boxes: int, *, draws: int = 4096) -> float:
    """Mean masked share of `draws` block masks, in [0, 1]."""
    return float(block_mask(torch.arange(draws), grid, boxes).float().mean())
