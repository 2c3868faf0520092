"""Stage 2: pre-train on token stores, fine-tune, evaluate."""

from .classification.config import FinetuneConfig
from .classification.evaluation import EvaluationConfig, evaluate_classifier
from .classification.finetuning import finetune
from .classification.frozen import evaluate_features
from .classification.inference import clip_probabilities
from .classification.model import Classifier
from .classification.recipes import task_recipe
from .classification.starting import choose_stride, pretrained_shape
from .classification.trained import load_classifier
from .classification.video import VideoClassifier
from .distributed import ALONE, Distributed, choose_device, join
from .errors import TrainingError
from .exchange.exported import export_run, from_pretrained, read_exported
from .exchange.importing import ImportOptions, import_model
from .exchange.original import read_original
from .exchange.serving import export_graph
from .inspection import model_info
from .loop.config import LoopConfig
from .loop.log import StepReport, read_metrics
from .loop.optimizer import OptimizerConfig
from .loop.precision import choose_precision
from .loop.run_folder import Run, read_tensors
from .loop.train import Outcome
from .model.config import PRESETS, ModelConfig, model_config
from .pretraining.config import PretrainConfig, recipe_for
from .pretraining.evaluation import evaluate_pretraining, load_pretrained
from .pretraining.forecast import forecast
from .pretraining.masking import MaskConfig, block_mask, iid_mask, mean_mask_share
from .pretraining.model import PretrainModel
from .pretraining.run import pretrain

__all__ = [
    "ALONE",
    "PRESETS",
    "Classifier",
    "Distributed",
    "EvaluationConfig",
    "FinetuneConfig",
    "ImportOptions",
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
    "VideoClassifier",
    "block_mask",
    "choose_device",
    "choose_precision",
    "choose_stride",
    "clip_probabilities",
    "evaluate_classifier",
    "evaluate_features",
    "evaluate_pretraining",
    "export_graph",
    "export_run",
    "finetune",
    "forecast",
    "from_pretrained",
    "iid_mask",
    "import_model",
    "join",
    "load_classifier",
    "load_pretrained",
    "mean_mask_share",
    "model_config",
    "model_info",
    "pretrain",
    "pretrained_shape",
    "read_exported",
    "read_metrics",
    "read_original",
    "read_tensors",
    "recipe_for",
    "task_recipe",
]
