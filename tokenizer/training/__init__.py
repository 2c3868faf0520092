"""Training the VQ-VAE on photographs and frames of videos."""

from .config import TokenizerTrainingConfig, TrainingStep
from .loop import train_tokenizer

__all__ = ["TokenizerTrainingConfig", "TrainingStep", "train_tokenizer"]
