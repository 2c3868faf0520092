"""In which numbers matrix products are computed."""

from contextlib import AbstractContextManager
from typing import Any, Literal

import torch

from ..errors import TrainingError

Precision = Literal["fp32", "bf16", "fp16"]

DTYPES: dict[str, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}


def choose_precision(name: str, device: torch.device) -> Precision:
    """`auto` to bf16 where the device multiplies it in hardware, else to fp32.

    Emulated bf16 is several times slower than fp32, so a CPU without such units gets fp32.

    Raises:
        TrainingError: an unknown name.
    """
    match name:
        case "auto":
            return "bf16" if has_bf16(device) else "fp32"
        case "fp32" | "bf16" | "fp16":
            return name
    raise TrainingError(f"unknown precision {name!r}: give auto, fp32, bf16 or fp16")


def has_bf16(device: torch.device) -> bool:
    """Whether the device has units that multiply bf16."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities: dict[str, Any] = getattr(
        torch.cpu, "get_capabilities", dict
    )()  # since torch 2.10
    return any(capabilities.get(unit, False) for unit in ("avx512_bf16", "amx_bf16", "sve_bf16"))


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[Any]:
    """The context in which a forward pass runs."""
    return torch.autocast(device.type, dtype=DTYPES.get(precision), enabled=precision in DTYPES)
