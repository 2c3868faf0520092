"""VQGAN weights by the names of the first release, whoever published them, and their sizes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..interface import TokenizerError
from .state_dict import without_prefix
from .vqgan_config import VQGANConfig

PARTS = ("encoder.", "decoder.", "quantize.", "quant_conv.", "post_quant_conv.")

_DIFFUSERS_NAMES = (
    (r"\.mid_block\.resnets\.0\.", ".mid.block_1."),
    (r"\.mid_block\.resnets\.1\.", ".mid.block_2."),
    (r"\.mid_block\.attentions\.0\.", ".mid.attn_1."),
    (r"\.down_blocks\.(\d+)\.", r".down.\1."),
    (r"\.up_blocks\.(\d+)\.", r".up.\1."),
    (r"\.resnets\.(\d+)\.", r".block.\1."),
    (r"\.attentions\.(\d+)\.", r".attn.\1."),
    (r"\.downsamplers\.0\.", ".downsample."),
    (r"\.upsamplers\.0\.", ".upsample."),
    (r"\.conv_shortcut\.", ".nin_shortcut."),
    (r"\.conv_norm_out\.", ".norm_out."),
    (r"\.group_norm\.", ".norm."),
    (r"\.(to_q|query)\.", ".q."),
    (r"\.(to_k|key)\.", ".k."),
    (r"\.(to_v|value)\.", ".v."),
    (r"\.(to_out\.0|proj_attn)\.", ".proj_out."),
)


def vqgan_weights(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The network's own weights out of a checkpoint of taming-transformers or latent diffusion.

    Losses, discriminators, moving averages and a diffusion model around it are left out.
    """
    if any(name.startswith("first_stage_model.") for name in published):
        published = without_prefix(published, "first_stage_model.")
    return {name: weight for name, weight in published.items() if name.startswith(PARTS)}


def diffusers_weights(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a diffusers `VQModel`, whose decoder counts its levels the other way."""
    levels = 1 + max(
        (
            int(found[1])
            for name in published
            if (found := re.search(r"\.up_blocks\.(\d+)\.", name))
        ),
        default=0,
    )
    weights = {}
    for name, weight in published.items():
        for pattern, replacement in _DIFFUSERS_NAMES:
            name = re.sub(pattern, replacement, name)
        name = re.sub(r"\.up\.(\d+)\.", lambda found: f".up.{levels - 1 - int(found[1])}.", name)
        if re.search(r"\.attn(_1|\.\d+)\.(q|k|v|proj_out)\.weight$", name) and weight.ndim == 2:
            weight = weight[:, :, None, None]  # a linear layer is a 1 x 1 convolution
        weights[name] = weight
    return vqgan_weights(weights)


def infer_vqgan(weights: Mapping[str, Tensor], *, norm_groups: int = 32) -> VQGANConfig:
    """The sizes of a network with these weights, by the names of the first release.

    Raises:
        KeyError: They are weights of something else.
        TokenizerError: They are weights of a variant that is not read.
    """
    if "quantize.used" in weights:
        raise TokenizerError("its codes are renumbered (remap), which is not supported")
    gumbel = "quantize.proj.weight" in weights
    book = weights["quantize.embed.weight" if gumbel else "quantize.embedding.weight"]
    levels = _count(weights, "encoder.down.{}.block.0.conv1.weight")
    channels = tuple(
        weights[f"encoder.down.{level}.block.0.conv1.weight"].shape[0] for level in range(levels)
    )
    return VQGANConfig(
        vocabulary=book.shape[0],
        code_channels=book.shape[1],
        latent_channels=weights["encoder.conv_out.weight"].shape[0],
        stem=weights["encoder.conv_in.weight"].shape[0],
        channels=channels,
        blocks=_count(weights, "encoder.down.0.block.{}.conv1.weight"),
        encoder_attention=_attention(weights, "encoder.down", levels),
        decoder_attention=_attention(weights, "decoder.up", levels),
        middle_attention="encoder.mid.attn_1.q.weight" in weights,
        norm_groups=norm_groups,
        gumbel=gumbel,
    )


def read_diffusers_config(path: Path) -> int:
    """The groups of normalisation, the one size that no shape tells, of a diffusers `VQModel`.

    Raises:
        TokenizerError: The configuration is missing, or of another model or variant.
    """
    try:
        config: Any = json.loads(path.read_text(encoding="utf-8"))
        kind, norm = config["_class_name"], config.get("norm_type", "group")
        groups = config.get("norm_num_groups", 32)
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise TokenizerError(f"{path}: not the configuration of a diffusers model") from error
    if kind != "VQModel" or norm != "group" or config.get("act_fn", "silu") != "silu":
        raise TokenizerError(f"{path}: a {kind} with {norm} normalisation, not a plain VQModel")
    if not isinstance(groups, int):
        raise TokenizerError(f"{path}: norm_num_groups must be an integer, not {groups!r}")
    return groups


def _count(weights: Mapping[str, Tensor], pattern: str) -> int:
    return next((i for i in range(64) if pattern.format(i) not in weights), 64)


def _attention(weights: Mapping[str, Tensor], part: str, levels: int) -> tuple[bool, ...]:
    return tuple(f"{part}.{level}.attn.0.q.weight" in weights for level in range(levels))
