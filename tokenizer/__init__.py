"""Frames to discrete codes and back: the tokenizer interface, the built-in VQ-VAE, its training."""

from .code_stream import CodeStream
from .comparison import codes_differing, generated_pictures
from .evaluation import BaselineFigures, TokenizerFigures, evaluate_tokenizer
from .images import image_files, is_image_name, read_image, read_images
from .interface import LoadOptions, Tokenizer, TokenizerError
from .registry import known_tokenizers, load_tokenizer
from .training import TokenizerTrainingConfig, TrainingStep, train_tokenizer
from .video_tokenizer import VideoTokenizer
from .vqvae import VQVAEConfig, VQVAETokenizer

__all__ = [
    "BaselineFigures",
    "CodeStream",
    "LoadOptions",
    "Tokenizer",
    "TokenizerError",
    "TokenizerFigures",
    "TokenizerTrainingConfig",
    "TrainingStep",
    "VQVAEConfig",
    "VQVAETokenizer",
    "VideoTokenizer",
    "codes_differing",
    "evaluate_tokenizer",
    "generated_pictures",
    "image_files",
    "is_image_name",
    "known_tokenizers",
    "load_tokenizer",
    "read_image",
    "read_images",
    "train_tokenizer",
]
