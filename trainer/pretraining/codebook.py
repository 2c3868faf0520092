"""A token embedding that starts from what the tokenizer knows of its codes."""

import torch
from torch import Tensor

from ..errors import TrainingError
from .model import PretrainModel


def embedding_from_codebook(model: PretrainModel, codebook: Tensor | None) -> None:
    """Start the token embedding as a random projection of the tokenizer's code vectors.

    Codes that look alike start alike, so that a small model need not first discover from
    co-occurrence which of thousands of codes resemble each other. The scale of the rows and the
    special tokens' rows stay as initialised.
    """
    if codebook is None:
        raise TrainingError("this store's tokenizer has no codebook to start the embedding from")
    weight = model.backbone.embedding.weight
    codes = codebook.float() - codebook.float().mean(0)
    if len(codes) != model.config.vocabulary:
        raise TrainingError(
            f"the codebook has {len(codes)} codes, the model's vocabulary {model.config.vocabulary}"
        )
    projected = codes @ torch.randn(codes.shape[1], weight.shape[1])
    with torch.no_grad():
        weight[: len(codes)] = projected * (weight.std() / projected.std())
