"""Stage 2: pre-train on token stores, fine-tune, evaluate."""

from .checkpoint import Run, read_tensors
from .classifier import Classifier
from .errors import TrainingError
from .evaluation import (
    classify_clips,
    evaluate_classifier,
    evaluate_pretraining,
    load_pretrained,
)
from .finetuning import FinetuneConfig, finetune, load_classifier, pretrained_model_config
from .inspection import model_info
from .loop import LoopConfig, Outcome, StepReport, read_metrics
from .masking import block_mask, iid_mask, mean_mask_share
from .model_config import PRESETS, ModelConfig, model_config
from .optimizer import OptimizerConfig
from .original import load_original
from .pretrain_model import PretrainModel, PretrainOutput
from .pretraining import PretrainConfig, pretrain
from .run_setup import choose_device

__all__ = [
    "PRESETS",
    "Classifier",
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
