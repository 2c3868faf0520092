"""Checkpoints: written whole or not at all, whatever the model is spread over."""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    get_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)

from ..errors import TrainingError
from .run_folder import (
    CHECKPOINTS,
    OPTIMIZER,
    STATE,
    TEMPORARY,
    WEIGHTS,
    Run,
    read_tensors,
    remove_leftovers,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingState:
    """All that a step depends on beside the configuration; tensors are whole, on the CPU.

    Attributes:
        step: steps done.
        weights: the model's state by name.
        moments: the optimiser's, `NAME.exp_avg` for the parameter `NAME`.
        further: single numbers, such as the loss scale.
    """

    step: int
    weights: dict[str, Tensor]
    moments: dict[str, Tensor]
    further: dict[str, float] = field(default_factory=dict)


def capture(
    model: nn.Module, optimizer: torch.optim.Optimizer, step: int, further: dict[str, float]
) -> TrainingState:
    """The state after `step` steps; on ranks other than 0 its tensors may be missing."""
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    weights: Any
    weights, optimizer_state = get_state_dict(model, optimizer, options=options)
    by_name: Any = optimizer_state.get("state", {})
    moments = {
        f"{name}.{moment}": torch.as_tensor(value)
        for name, values in by_name.items()
        for moment, value in values.items()
    }
    return TrainingState(step=step, weights=weights, moments=moments, further=further)


def restore(state: TrainingState, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Put a state that every rank has read back into model and optimiser.

    Parameters that were not trained before start without moments.
    """
    options = StateDictOptions(full_state_dict=True)
    weights: Any = state.weights
    set_model_state_dict(model, weights, options=options)
    moments: dict[str, Any] = {}
    for name, value in state.moments.items():
        parameter, _, moment = name.rpartition(".")
        moments.setdefault(parameter, {})[moment] = value
    groups = get_optimizer_state_dict(model, optimizer)["param_groups"]
    set_optimizer_state_dict(
        model,
        optimizer,
        {"state": moments, "param_groups": groups},
        options=StateDictOptions(full_state_dict=True, strict=False),
    )


def write_checkpoint(run: Run, state: TrainingState, *, keep: int) -> Path:
    """Write a state under a temporary name, sync, rename, drop the oldest."""
    folder = run.path / CHECKPOINTS
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=folder))
    for name, tensors in ((WEIGHTS, state.weights), (OPTIMIZER, state.moments)):
        save_file({key: value.contiguous() for key, value in tensors.items()}, temporary / name)
    (temporary / STATE).write_text(json.dumps({"step": state.step, **state.further}))
    for file in temporary.iterdir():
        _sync(file)
    target = folder / f"step-{state.step:08d}"
    if target.exists():
        shutil.rmtree(target)
    os.rename(temporary, target)
    _sync(folder)
    for old in run.checkpoints[:-keep]:
        shutil.rmtree(old)
    return target


def read_checkpoint(path: Path) -> TrainingState:
    """Read what `write_checkpoint` wrote.

    Raises:
        TrainingError: a file is missing or damaged.
    """
    try:
        further: dict[str, Any] = json.loads((path / STATE).read_text())
        step = int(further.pop("step"))
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError(f"{path / STATE} cannot be read ({error}); delete its folder") from None
    return TrainingState(
        step=step,
        weights=read_tensors(path / WEIGHTS),
        moments=read_tensors(path / OPTIMIZER),
        further=further,
    )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
