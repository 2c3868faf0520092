"""Run folders: configuration, metrics and checkpoints that a kill at any time leaves whole.

RUN/
config.json                   the resolved configuration, `kind` pretrain or finetune
metrics.jsonl                 one line a logged step
checkpoints/step-00000200/    model.safetensors, optimizer.safetensors, state.json
tokenizer/                    the store's tokenizer, for prediction from video
"""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ..errors import TrainingError

CONFIG, METRICS, CHECKPOINTS = "config.json", "metrics.jsonl", "checkpoints"
WEIGHTS, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"
TEMPORARY = ".writing-"


@dataclass(frozen=True, slots=True)
class Run:
    """A training run's folder."""

    path: Path

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration.

        Raises:
            TrainingError: `path` is not a run.
        """
        try:
            config: dict[str, Any] = json.loads((self.path / CONFIG).read_text())
        except FileNotFoundError:
            raise TrainingError(
                f"{self.path} is not a run: it has no {CONFIG}; give the folder that "
                "`vimpac pretrain` or `vimpac finetune` wrote"
            ) from None
        except (OSError, ValueError) as error:
            raise TrainingError(f"{self.path / CONFIG} cannot be read: {error}") from None
        return config

    @property
    def checkpoints(self) -> list[Path]:
        """Whole checkpoints, oldest first."""
        return sorted((self.path / CHECKPOINTS).glob("step-*"))

    @property
    def latest(self) -> Path:
        """The newest checkpoint.

        Raises:
            TrainingError: there is none.
        """
        if not self.checkpoints:
            raise TrainingError(f"{self.path} holds no checkpoint yet: train it first")
        return self.checkpoints[-1]

    def weights(self) -> dict[str, Tensor]:
        """The newest checkpoint's weights, on the CPU."""
        return read_tensors(self.latest / WEIGHTS)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(prefix=TEMPORARY, dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises:
        TrainingError: it is missing or damaged.
    """
    try:
        return load_file(path)
    except Exception as error:
        raise TrainingError(f"{path} cannot be read ({error}); delete its folder") from None


def save_checkpoint(
    run: Run, step: int, model: nn.Module, optimizer: torch.optim.Optimizer, *, keep: int
) -> Path:
    """Write the state after `step` steps under a temporary name, sync, rename, drop the oldest."""
    folder = run.path / CHECKPOINTS
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=folder))
    save_file(
        {name: value.contiguous() for name, value in model.state_dict().items()},
        temporary / WEIGHTS,
    )
    save_file(_flatten(optimizer), temporary / OPTIMIZER)
    (temporary / STATE).write_text(json.dumps({"step": step}))
    for file in temporary.iterdir():
        _sync(file)
    target = folder / f"step-{step:08d}"
    if target.exists():
        shutil.rmtree(target)
    os.rename(temporary, target)
    _sync(folder)
    for old in run.checkpoints[:-keep]:
        shutil.rmtree(old)
    return target


def load_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Restore what `save_checkpoint` wrote and return the number of steps done."""
    model.load_state_dict(read_tensors(path / WEIGHTS))
    state = optimizer.state_dict()
    state["state"] = _unflatten(read_tensors(path / OPTIMIZER))
    optimizer.load_state_dict(state)
    step: int = json.loads((path / STATE).read_text())["step"]
    return step


def remove_leftovers(folder: Path) -> None:
    """Delete what a killed writer left half-written."""
    for leftover in folder.glob(f"{TEMPORARY}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _flatten(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    states = optimizer.state_dict()["state"]
    return {
        f"{place}.{name}": torch.as_tensor(value).contiguous()
        for place, values in states.items()
        for name, value in values.items()
    }


def _unflatten(tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    states: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        place, key = name.split(".")
        states.setdefault(int(place), {})[key] = value
    return states


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
