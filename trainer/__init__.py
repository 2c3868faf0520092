"""Stage 2: pre-train on token stores, fine-tune, evaluate."""

from .classification.evaluation import classify_clips, evaluate_classifier
from .classification.finetuning import (
    FinetuneConfig,
    finetune,
    load_classifier,
    pretrained_model_config,
)
from .classification.model import Classifier
from .distributed import ALONE, Distributed, choose_device, join
from .errors import TrainingError
from .inspection import model_info
from .loop.config import LoopConfig
from .loop.log import StepReport, read_metrics
from .loop.optimizer import OptimizerConfig
from .loop.precision import choose_precision
from .loop.run_folder import Run, read_tensors
from .loop.train import Outcome
from .model.config import PRESETS, ModelConfig, model_config
from .original import load_original
from .pretraining.config import PretrainConfig, recipe_for
from .pretraining.evaluation import evaluate_pretraining, load_pretrained
from .pretraining.masking import MaskConfig, block_mask, iid_mask, mean_mask_share
from .pretraining.model import PretrainModel
from .pretraining.run import pretrain

__all__ = [
    "ALONE",
    "PRESETS",
    "Classifier",
    "Distributed",
    "FinetuneConfig",
    "LoopConfig",
    "MaskConfig",
    "ModelConfig",
    "OptimizerConfig",
    "Outcome",
    "PretrainConfig",
    "PretrainModel",
    "Run",
    "StepReport",
    "TrainingError",
    "block_mask",
    "choose_device",
    "choose_precision",
    "classify_clips",
    "evaluate_classifier",
    "evaluate_pretraining",
    "finetune",
    "iid_mask",
    "join",
    "load_classifier",
    "load_original",
    "load_pretrained",
    "mean_mask_share",
    "model_config",
    "model_info",
    "pretrain",
    "pretrained_model_config",
    "read_metrics",
    "read_tensors",
    "recipe_for",
]
