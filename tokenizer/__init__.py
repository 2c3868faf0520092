"""Frames to discrete codes and back: the tokenizer interface, the built-in VQ-VAE, its training."""

from .code_stream import CodeStream
from .images import read_images
from .interface import Tokenizer, TokenizerError
from .registry import load_tokenizer
from .training import TokenizerTrainingConfig, TrainingStep, train_tokenizer
from .vqvae import VQVAEConfig

__all__ = [
    "CodeStream",
    "Tokenizer",
    "TokenizerError",
    "TokenizerTrainingConfig",
    "TrainingStep",
    "VQVAEConfig",
    "load_tokenizer",
    "read_images",
    "train_tokenizer",
]
