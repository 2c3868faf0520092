"""Vector quantisation: the code nearest to each latent.

Shapes: N latents of d channels, V codes.
"""

from __future__ import annotations

import torch
from torch import Tensor

_DISTANCES = 1 << 24  # computed at a time: bounds memory at large vocabularies


def nearest_codes(latents: Tensor, codebook: Tensor, handicap: Tensor | None = None) -> Tensor:
    """Index `(...)` of the code nearest to each latent, by squared Euclidean distance.

    Args:
        latents: `(..., d)` float.
        codebook: `(V, d)` float.
        handicap: `(V,)`, added to the squared distances to each code.
    """
    norms = codebook.square().sum(dim=1)
    if handicap is not None:
        norms = norms + handicap
    nearest = [
        torch.addmm(norms, rows, codebook.T, alpha=-2).argmin(dim=1)
        for rows in latents.reshape(-1, latents.shape[-1]).split(_DISTANCES // len(codebook))
    ]
    return torch.cat(nearest).view(latents.shape[:-1])
