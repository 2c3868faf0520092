"""What fine-tuning starts from: a pre-training run whose clips may have had another shape."""

import math
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from ...datasets import TokenStore
from ..errors import TrainingError
from ..loop.run_folder import Run
from ..loop.setup import refuse_other_tokens
from ..model.config import ModelConfig
from ..model.interpolation import interpolate_positions


def pretrained_shape(
    init: Run, store: TokenStore, *, frames: int | None = None, interpolate: bool = False
) -> ModelConfig:
    """The shape of a pre-training run's model on the clips of a store.

    Args:
        init: the run.
        store: tokens to fine-tune on.
        frames: token frames of a clip; none is as in pre-training.
        interpolate: take clips of another shape than in pre-training, too.

    Raises:
        TrainingError: not a pre-training run, made on tokens of another tokenizer, or on clips of
            another shape that are not asked for; or no frames.
    """
    refuse_as_init(init, store)
    before = ModelConfig.from_dict(init.config["model"])
    frames = before.frames if frames is None else frames
    after = replace(before, frames=frames, grid=store.identity.grid())
    if after != before and not interpolate:
        raise TrainingError(
            f"{init.path} was trained on clips of {_shape(before)}, these are of {_shape(after)}: "
            "--interpolate stretches its positional tables, or tokenize at the same --size and "
            "leave out --frames"
        )
    return after


def refuse_as_init(init: Run, store: TokenStore) -> None:
    """Raise TrainingError unless it is a pre-training run on tokens of the store's tokenizer."""
    kind = init.config["kind"]
    if kind != "pretrain":
        raise TrainingError(f"{init.path} is a {kind} run; --init takes a pre-training run")
    refuse_other_tokens(init.path, init.config, store)


def _shape(model: ModelConfig) -> str:
    return f"{model.frames} frames of {model.grid[0]} x {model.grid[1]} tokens"


def frame_rate(fps: float, temporal_compression: int, stride: int) -> float:
    """Token frames a second of a clip that takes every `stride`-th stored one."""
    return fps / temporal_compression / stride


def choose_stride(
    store: TokenStore,
    init: Run | None,
    *,
    recipe_fps: float | None,
    asked: int | None = None,
    interpolate: bool = False,
) -> int:
    """Stored frames from one frame of a clip to the next.

    Without being asked: the one whose rate is nearest to the recipe's, or where it names none,
    that of pre-training.

    Args:
        store: tokens to fine-tune on.
        init: the pre-training run; none from scratch.
        recipe_fps: token frames a second by the task's recipe; none is as in pre-training.
        asked: what was asked for.
        interpolate: take another rate than the recipe's and pre-training's, too.

    Raises:
        TrainingError: the clips' rate is neither the recipe's nor that of pre-training, and that
            is not asked for; or a stride below 1.
    """
    if asked is not None and asked < 1:
        raise TrainingError(f"stride must be at least 1, not {asked}")
    stored = store_rate(store)
    before = None if init is None else pretraining_rate(init)
    recipes = nearest_stride(stored, recipe_fps or before or stored)
    stride = recipes if asked is None else asked
    of_recipe = recipe_fps is not None and stride == recipes
    if before not in (None, stored / stride) and not of_recipe and not interpolate:
        raise TrainingError(
            f"{init.path if init else ''} was trained on {before:g} frames a second, these clips "
            f"have {stored / stride:g} ({stored:g} stored, every {stride}.): --interpolate takes "
            "them, or give another --stride"
        )
    return stride


def nearest_stride(stored: float, wanted: float) -> int:
    """The stride that leaves the number of frames a second nearest to the wanted, of `stored`."""
    below = max(math.floor(stored / wanted), 1)
    return min(below, below + 1, key=lambda stride: abs(stored / stride - wanted))


def store_rate(store: TokenStore) -> float:
    """Stored token frames a second."""
    return frame_rate(store.identity.fps, store.identity.tokenizer.temporal_compression, 1)


def pretraining_rate(init: Run) -> float | None:
    """Token frames a second of a pre-training run's clips; none where it does not say."""
    config = init.config
    if not config.get("tokens"):
        return None
    tokens = config["tokens"]
    compression = tokens["tokenizer"].get("temporal_compression", 1)
    return frame_rate(tokens["fps"], compression, config["stride"])


def backbone_weights(
    weights: Mapping[str, Tensor], before: ModelConfig, after: ModelConfig
) -> dict[str, Tensor]:
    """A checkpoint's backbone alone, without its prefix, its tables as `after` has them."""
    prefix = "backbone."
    return {
        name.removeprefix(prefix): weight
        for name, weight in interpolate_positions(weights, before, after).items()
        if name.startswith(prefix)
    }
