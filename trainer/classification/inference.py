"""Class probabilities of clips, with a bounded number of them on the device."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ...datasets import CROPS, FULL
from ..errors import TrainingError
from .model import Classifier

CLIPS_AT_ONCE = 64

TELLING = ("center", "top_left", "bottom_right")
"""Squares of a frame, the most telling first."""


@torch.inference_mode()
def clip_probabilities(
    model: Classifier, clips: Tensor, device: torch.device, *, at_once: int = CLIPS_AT_ONCE
) -> Tensor:
    """Class probabilities of clips.

    Clips that equal the one before them, as a short video's do, are computed once.

    Args:
        model: in evaluation mode, on `device`.
        clips: `(n, T, H, W)` int64 codes, [PAD] included, on the CPU.
        device: the model's.
        at_once: clips on the device at a time.

    Returns:
        `(n, classes)` float32 on the CPU.
    """
    new = torch.ones(len(clips), dtype=torch.bool)
    new[1:] = (clips[1:] != clips[:-1]).flatten(1).any(1)
    rows = [
        model(part.to(device, non_blocking=True)).float().softmax(1).cpu()
        for part in clips[new].split(at_once)
    ]
    return torch.cat(rows)[new.cumsum(0) - 1]


def check_protocol(clips: int, crops: int | None) -> None:
    """Raise TrainingError unless so many clips and squares of a video can be averaged over."""
    if clips < 1:
        raise TrainingError(f"a video needs at least 1 clip, not {clips}")
    if crops not in (None, 1, 3):
        raise TrainingError(f"a frame has 1 or 3 crops, not {crops}")


def spread_order(count: int) -> list[int]:
    """Places 0 to `count - 1`, each next one as far as can be from those before, the middle first.

    The first few of evenly spaced clips, in this order, cover a video as well as so few can.
    """
    order = [count // 2]
    while len(order) < count:
        left = [place for place in range(count) if place not in order]
        order.append(max(left, key=lambda place: min(abs(place - taken) for taken in order)))
    return order


def shown_crops(stored: Sequence[str], crops: int) -> tuple[str, ...]:
    """Of the views that a store can show, those that an evaluation averages over.

    Args:
        stored: the views' names.
        crops: how many are wanted; fewer are shown where the store has fewer.
    """
    able = CROPS if FULL in stored else stored
    return tuple(crop for crop in TELLING if crop in able)[:crops] or tuple(stored[:1])
