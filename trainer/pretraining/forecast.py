"""What a pre-training run will take, told before it begins."""

import math
from typing import Any

import torch

from ...datasets import TokenStore
from ..distributed import Distributed
from ..inspection import count_parameters
from ..model.config import ModelConfig
from ..model.flops import forward_flops
from ..model.layout import parse_layout
from .config import PretrainConfig
from .losses import CHUNK
from .masking import MaskConfig, hide
from .model import PretrainModel
from .run import first_state, training_videos

DRAWS = 1024
"""Masks from which the share is estimated."""


def forecast(store: TokenStore, config: PretrainConfig, distributed: Distributed) -> dict[str, Any]:
    """Sizes, work and memory of a run on `store`; nothing is trained or written.

    Returns:
        Parameters in all and of each part; `flops_a_step`, matrix products of forward and backward
        on all ranks; `memory_bytes_a_rank`, an estimate of weights, gradients, optimiser and
        activations; `mask_share`, the mean of 1024 draws; steps, epochs and tokens of the run,
        those that are left of `config.init`'s.

    Raises:
        TrainingError: `config.init` has done them all, or is of another model.
    """
    with torch.device("meta"):
        model = PretrainModel(config.model)
    videos = len(training_videos(store.keys, config.exclude, config.validation))
    clips = 2 * config.batch_size
    tokens = config.model.frames * math.prod(config.model.grid)
    share = mask_share(config.mask, config.model)
    done = 0 if config.init is None else first_state(config).step
    steps = config.loop.last_step - done
    parameters = count_parameters(model)
    return {
        "parameters": parameters,
        "backbone_parameters": count_parameters(model.backbone),
        "token_head_parameters": count_parameters(model.token_head),
        "contrastive_head_parameters": count_parameters(model.contrastive_head),
        "precision": config.loop.precision,
        "flops_a_step": 3 * forward_flops(config.model, clips, share * tokens),
        "memory_bytes_a_rank": memory(config, parameters, distributed.world_size),
        "mask_share": share,
        "videos": videos,
        "ranks": distributed.world_size,
        "batch_size": config.batch_size,
        "steps": steps,
        "epochs": steps * config.batch_size / videos,
        "tokens_a_step": clips * tokens,
        "tokens": steps * clips * tokens,
        "masked_tokens": round(steps * clips * tokens * share),
    }


def mask_share(mask: MaskConfig, model: ModelConfig) -> float:
    """Mean share of a clip's tokens that are hidden."""
    codes = torch.zeros(DRAWS, model.frames, *model.grid, dtype=torch.int64)
    return float(hide(codes, torch.arange(DRAWS), mask, model.vocabulary)[1].float().mean())


def memory(config: PretrainConfig, parameters: int, ranks: int) -> int:
    """Bytes on a rank: four fp32 copies of the parameters, activations, a chunk of logits.

    Activations are what the backward pass keeps of every layer, or of one and the others' inputs
    with activation checkpointing; the widest tensors of one layer come on top while it is computed.
    """
    model, loop = config.model, config.loop
    held = 16 * parameters // (ranks if loop.sharding == "fsdp" else 1)
    number = 2 if loop.precision != "fp32" else 4
    inner, blocks = model.head_width * model.heads, len(parse_layout(model.layout))
    attention = blocks * ((5 * inner + 2 * model.width) * number + model.width)
    layer = attention + (model.mlp_width + 2 * model.width) * number + model.width
    kept = (
        layer + model.layers * model.width * number
        if loop.checkpoint_activations
        else model.layers * layer
    )
    passing = 3 * model.mlp_width * number
    clips = -(-2 * config.batch_size // (ranks * loop.accumulate))
    tokens = clips * model.frames * math.prod(model.grid)
    return held + tokens * (kept + passing) + 3 * 4 * CHUNK * model.rows
