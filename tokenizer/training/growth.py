"""Begin a training from weights that exist, in a network as large or larger.

Source: function-preserving growth, Chen et al. 2016 (Net2Net).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..interface import TokenizerError
from ..vqvae import VQVAE, VQVAETokenizer


@torch.no_grad()
def start_from(model: VQVAE, tokenizer: VQVAETokenizer) -> None:
    """Give `model` a tokenizer's weights; where it is wider, its output is still the same.

    What channels it has beyond the tokenizer's keep their random weights; what reads from them
    begins at zero.

    Raises:
        TokenizerError: The model is smaller somewhere, of other depth or with another codebook.
    """
    weights, mine = tokenizer.weights(), model.state_dict()
    codebook, wanted = weights["codebook"], mine["codebook"]
    if codebook.shape != wanted.shape:
        raise TokenizerError(
            f"cannot begin from {tokenizer.name}: its codebook is {tuple(codebook.shape)}, "
            f"that to train {tuple(wanted.shape)}"
        )
    if weights.keys() != mine.keys() or any(map(_is_smaller, mine.values(), weights.values())):
        raise TokenizerError(
            f"cannot begin from {tokenizer.name}: blocks must be as many, and layers as wide or "
            f"wider than {tokenizer.config}"
        )
    for name, tensor in weights.items():
        _put(mine[name], tensor)


def _is_smaller(after: Tensor, before: Tensor) -> bool:
    return any(a < b for a, b in zip(after.shape, before.shape, strict=True))


def _put(larger: Tensor, tensor: Tensor) -> None:
    """Write `tensor` into the first rows and columns of `larger`, zeros beside it."""
    rows = larger[: len(tensor)]
    rows.zero_()
    rows[tuple(map(slice, tensor.shape))] = tensor
