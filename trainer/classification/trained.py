"""The classifier that a fine-tuning run ended with."""

from ..errors import TrainingError
from ..loop.run_folder import Run, load_weights
from ..model.config import ModelConfig
from .model import Classifier


def load_classifier(run: Run) -> Classifier:
    """The model of a fine-tuning run, in evaluation mode, on the CPU.

    Raises:
        TrainingError: the run is a pre-training run or its classifier has never been trained, or
            weights and configuration do not fit.
    """
    config = run.config
    if config["kind"] != "finetune":
        raise TrainingError(
            f"{run.path} is a {config['kind']} run and has no trained classifier: "
            f"fine-tune it first (vimpac finetune --init {run.path})"
        )
    model = Classifier(ModelConfig.from_dict(config["model"]), len(config["classes"]))
    load_weights(model, run)
    if not model.head.linear.weight.any():
        raise TrainingError(f"{run.path}: its classifier is fresh, all zeros: fine-tune it first")
    return model.eval()
