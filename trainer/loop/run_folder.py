"""Run folders: configuration, metrics and checkpoints that a kill at any time leaves whole.

RUN/
config.json                   the resolved configuration, `kind` pretrain or finetune
metrics.jsonl                 one line a logged step
checkpoints/step-00000200/    model.safetensors, optimizer.safetensors, state.json
tensorboard/                  the same figures as metrics.jsonl, where asked for
tokenizer/                    the store's tokenizer, for prediction from video
"""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor, nn

from ..errors import TrainingError

CONFIG, METRICS, CHECKPOINTS = "config.json", "metrics.jsonl", "checkpoints"
TENSORBOARD = "tensorboard"
WEIGHTS, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"
TEMPORARY = ".writing-"
KINDS = ("pretrain", "finetune")


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
        if not isinstance(config, dict) or config.get("kind") not in KINDS:
            raise TrainingError(f"{self.path} is not a run: its {CONFIG} is of something else")
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


def load_weights(model: nn.Module, run: Run) -> None:
    """Give a model the newest checkpoint's weights.

    Raises:
        TrainingError: they are not of such a model.
    """
    try:
        model.load_state_dict(run.weights())
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise TrainingError(
            f"{run.latest} is not of the model that {run.path / CONFIG} describes: {reason:.300}"
        ) from None


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(prefix=TEMPORARY, dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
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


def remove_leftovers(folder: Path) -> None:
    """Delete what a killed writer left half-written."""
    for leftover in folder.glob(f"{TEMPORARY}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)
