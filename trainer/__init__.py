"""Stage 2: pre-train on token stores, fine-tune, evaluate."""

from .classification.evaluation import classify_clips, evaluate_classifier
from .classification.finetuning import (
    FinetuneConfig,
    finetune,
    load_classifier,
    pretrained_model_config,
)
from .classification.model import Classifier
from .distributed import Distributed, choose_device, join
from .errors import TrainingError
from .inspection import model_info
from .loop.checkpoint import Run, read_tensors
from .loop.optimizer import OptimizerConfig
from .loop.train import LoopConfig, Outcome, StepReport, read_metrics
from .model.config import PRESETS, ModelConfig, model_config
from .original import load_original
from .pretraining.evaluation import evaluate_pretraining, load_pretrained
from .pretraining.masking import block_mask, iid_mask, mean_mask_share
from .pretraining.model import PretrainModel, PretrainOutput
from .pretraining.run import PretrainConfig, pretrain

__all__ = [
    "PRESETS",
    "Classifier",
    "Distributed",
    "FinetuneConfig",
    "LoopConfig",
    "ModelConfig",
    "OptimizerConfig",
    "Outcome",
    "PretrainConfig",
    "PretrainModel",
    "PretrainOutput",
    "Run",
    "StepReport",
    "TrainingError",
    "block_mask",
    "choose_device",
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
]
