"""A model as one folder that explains itself, laid out as the Hugging Face hub has it.

FOLDER/
config.json          what the model is: its shape, its classes, the tokens it reads
model.safetensors    its weights
README.md            its card
tokenizer/           the tokenizer of its tokens, where the run has one
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from ..classification.model import Classifier
from ..errors import TrainingError
from ..loop.run_folder import CONFIG, WEIGHTS, Run, read_tensors
from ..model.config import ModelConfig
from ..pretraining.model import PretrainModel
from .card import model_card
from .hub import fetch

FORMAT_VERSION = 1
FIELDS = ("kind", "model", "tokens", "stride", "classes", "labels", "mask", "imported")
"""Of a run's configuration, what tells what the model is and not how it was trained."""
PRIVATE = ("path", "logical_hash")
"""Of a run's tokens, what is of no use elsewhere."""
TOKENIZER, CARD = "tokenizer", "README.md"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportedModel:
    """A model's configuration and weights, from an exported folder or for one."""

    config: dict[str, Any]
    weights: dict[str, Tensor]

    def model(self) -> PretrainModel | Classifier:
        """The model itself, in evaluation mode, on the CPU.

        Raises:
            TrainingError: weights and configuration do not fit.
        """
        return build_model(self.config, self.weights)


def build_model(
    config: Mapping[str, Any], weights: Mapping[str, Tensor]
) -> PretrainModel | Classifier:
    """The model that a configuration describes, in evaluation mode, on the CPU.

    Raises:
        TrainingError: weights and configuration do not fit.
    """
    shape = ModelConfig.from_dict(config["model"])
    model = (
        Classifier(shape, len(config["classes"]))
        if config["kind"] == "finetune"
        else PretrainModel(shape)
    )
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise TrainingError(f"the weights do not fit the configuration: {reason:.300}") from None
    return model.eval()


def export_run(run: Run, out: Path) -> Path:
    """Write a run's newest weights as a folder of its own.

    Args:
        run: pre-trained or fine-tuned.
        out: the folder to make.

    Raises:
        TrainingError: the run has no checkpoint, or `out` exists.
    """
    if out.exists():
        raise TrainingError(f"{out} is there already: give another --out")
    config, weights = exported_config(run.config), run.weights()
    build_model(config, weights)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=out.parent))
    try:
        save_file(weights, temporary / WEIGHTS, metadata={"format": "pt"})
        (temporary / CONFIG).write_text(json.dumps(config, indent=2) + "\n")
        (temporary / CARD).write_text(model_card(config, out.name))
        if (run.path / TOKENIZER).is_dir():
            shutil.copytree(run.path / TOKENIZER, temporary / TOKENIZER)
        temporary.chmod(0o755)
        temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return out


def exported_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a model's own `config.json` holds of its run's."""
    kept = {name: config[name] for name in FIELDS if name in config}
    if kept.get("tokens"):
        kept["tokens"] = {
            name: value for name, value in kept["tokens"].items() if name not in PRIVATE
        }
    return {"library_name": "vimpac", "format_version": FORMAT_VERSION, **kept}


def read_exported(folder: Path) -> ExportedModel:
    """Read what `export_run` wrote; only JSON and safetensors are read.

    Raises:
        TrainingError: it is no such folder, or one of a newer format.
    """
    try:
        config = json.loads((folder / CONFIG).read_text())
        version, kind = int(config["format_version"]), config["kind"]
        shape, classes = config["model"], config["classes"] if kind == "finetune" else []
        if not (isinstance(shape, dict) and isinstance(classes, list)):
            raise TypeError(f"{CONFIG} has no model or no classes")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{folder} is no exported model: {error!r}") from None
    if version > FORMAT_VERSION or kind not in ("pretrain", "finetune"):
        raise TrainingError(f"{folder} is of a newer vimpac ({kind}, format {version}): upgrade")
    return ExportedModel(config=config, weights=read_tensors(folder / WEIGHTS))


def from_pretrained(source: str | Path) -> PretrainModel | Classifier:
    """The model of an exported folder, or of a repository on the Hugging Face hub.

    Args:
        source: a folder, or `user/name` (needs the extra `hub`; the only thing here that
            downloads).

    Returns:
        A `Classifier` or a `PretrainModel`, in evaluation mode, on the CPU.

    Raises:
        TrainingError: there is no such model, or it cannot be read.
    """
    folder = Path(source)
    return read_exported(folder if folder.is_dir() else fetch(str(source))).model()
