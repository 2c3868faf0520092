"""A codebook learned beside the network: k-means first, then moving averages.

Source: van den Oord et al. 2017, appendix A.1. Shapes: N latents of d channels, V codes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..quantizer import nearest_codes

_DISTANCE_RATE = 0.1  # share of the mean distance that a step replaces
_LEAST_SHARE = 0.05  # times the mean share: codes with less are helped no further
_LEAST_ERROR = 0.1  # times the mean distance: nearer latents count like this


def squared_distance(latents: Tensor, chosen: Tensor) -> Tensor:
    """Mean over N of the squared distances between rows of `(N, d)` tensors, a scalar."""
    return (latents - chosen).square().sum(dim=1).mean()


def k_means(latents: Tensor, vocabulary: int, generator: torch.Generator, rounds: int) -> Tensor:
    """Codebook `(V, d)` by Lloyd's algorithm, started from latents drawn at random."""
    order = torch.randperm(len(latents), generator=generator)[:vocabulary].to(latents.device)
    centres = latents[order].clone()
    for _ in range(rounds):
        count, total = _sums(latents, nearest_codes(latents, centres), vocabulary)
        centres = torch.where(count[:, None] > 0, total / count.clamp_min(1)[:, None], centres)
    return centres


class MovingCodebook(nn.Module):
    """A codebook that follows the latents assigned to each code by exponential moving averages.

    Codes are kept from being used too much or too little by their `share` of the error, the sum of
    squared distances of their latents: in the best codebook all shares are equal (Gersho 1979,
    "Asymptotically optimal block quantization"). Flat regions, whose latents lie close together,
    so get fewer codes than by count, and their codes flicker less.
    """

    codebook: Tensor
    count: Tensor
    total: Tensor
    share: Tensor
    distance: Tensor

    def __init__(self, vocabulary: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("codebook", torch.zeros(vocabulary, channels))
        self.register_buffer("count", torch.zeros(vocabulary))
        self.register_buffer("total", torch.zeros(vocabulary, channels))
        self.register_buffer("share", torch.zeros(vocabulary))
        self.register_buffer("distance", torch.zeros(()))

    def start(self, codebook: Tensor, mean_count: float, distance: Tensor) -> None:
        """Begin from `codebook`, each code used `mean_count` times a step.

        `distance` is the mean squared distance of latents to their codes.
        """
        self.codebook.copy_(codebook)
        self.distance.copy_(distance)
        self.count.fill_(mean_count)
        self.share.fill_(mean_count)
        self.total.copy_(codebook * mean_count)

    @torch.no_grad()
    def choose(self, latents: Tensor, evenness: float) -> Tensor:
        """Code `(N,)` of each latent `(N, d)`: the nearest, but one of much error seems farther.

        So codes of little error win ground (a "conscience", DeSieno 1988). A code whose share of
        the error is e times the mean is handicapped by log e times `evenness` times the mean
        squared distance of latents to their codes.
        """
        much = (self.share / self.share.mean()).clamp(_LEAST_SHARE, 1 / _LEAST_SHARE).log()
        return nearest_codes(latents, self.codebook, evenness * self.distance * much)

    @torch.no_grad()
    def update(self, latents: Tensor, codes: Tensor, rate: float) -> None:
        """Move each code towards the mean of the latents `(N, d)` that chose it.

        `rate` is the share of the averages that these latents replace.
        """
        errors = (latents - self.codebook[codes]).square().sum(dim=1)
        distance = errors.mean()
        self.distance.lerp_(distance, _DISTANCE_RATE)
        parts = (errors / distance.clamp_min(1e-12)).clamp_min(_LEAST_ERROR)
        self.share.lerp_(self.share.new_zeros(len(self.share)).index_add_(0, codes, parts), rate)
        count, total = _sums(latents, codes, len(self.codebook))
        self.count.lerp_(count, rate)
        self.total.lerp_(total, rate)
        self.codebook.copy_(self.total / self.count.clamp_min(1e-6)[:, None])

    @torch.no_grad()
    def restart(self, latents: Tensor, least: float, generator: torch.Generator) -> None:
        """Move codes of less than `least` times the mean share onto latents drawn at random."""
        mean = self.count.mean()
        dead = torch.nonzero(self.share < least * self.share.mean()).flatten()[: len(latents)]
        drawn = torch.randperm(len(latents), generator=generator)[: len(dead)].to(latents.device)
        self.codebook[dead] = latents[drawn]
        self.count[dead] = mean
        self.share[dead] = self.share.mean()
        self.total[dead] = latents[drawn] * mean


def _sums(latents: Tensor, codes: Tensor, vocabulary: int) -> tuple[Tensor, Tensor]:
    """How many latents chose each code `(V,)`, and their sum `(V, d)`."""
    total = latents.new_zeros(vocabulary, latents.shape[1]).index_add_(0, codes, latents)
    return torch.bincount(codes, minlength=vocabulary).to(latents.dtype), total
