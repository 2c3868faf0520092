"""The two pre-training losses (VIMPAC, sections 3.3 and 3.4)."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

TEMPERATURE = 0.2
CHUNK = 512
"""Rows of logits that exist at once: with 8192 codes they stay within a CPU's cache."""


def token_loss(
    features: Tensor, embedding: Tensor, bias: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """Summed cross-entropy of `features @ embedding.T + bias`, a chunk of rows at a time.

    Loss and gradients of a chunk are computed together, so that its logits are made once and never
    kept, whatever the vocabulary.

    Args:
        features: `(M, d)`.
        embedding: `(V + 5, d)`.
        bias: `(V + 5,)`.
        targets: `(M,)` int64.

    Returns:
        The loss in nats and the number of rows whose largest logit is the target's, scalars.
    """
    loss, hits = _TokenLoss.apply(features, embedding, bias, targets)  # type: ignore[no-untyped-call]
    return loss, hits


class _TokenLoss(torch.autograd.Function):
    """See `token_loss`."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, embedding: Tensor, bias: Tensor, targets: Tensor
    ) -> tuple[Tensor, Tensor]:
        gradients = [torch.zeros_like(value, dtype=torch.float32) for value in (embedding, bias)]
        by_features = torch.empty_like(features)
        loss, hits = features.new_zeros((), dtype=torch.float32), targets.new_zeros(())
        wanted = any(ctx.needs_input_grad)
        for start in range(0, len(targets), CHUNK):
            rows = slice(start, start + CHUNK)
            labels = targets[rows, None]
            logits = functional.linear(features[rows], embedding, bias).float()
            hits += (logits.argmax(1, keepdim=True) == labels).sum()
            largest = logits.amax(1, keepdim=True)
            loss -= (logits.gather(1, labels) - largest).sum()
            chances = logits.sub_(largest).exp_()
            sums = chances.sum(1, keepdim=True)
            loss += sums.log().sum()
            if wanted:
                errors = chances.div_(sums)
                errors.scatter_add_(1, labels, -torch.ones_like(sums))
                by_features[rows] = errors.to(embedding.dtype) @ embedding
                gradients[0].addmm_(errors.T, features[rows].float())
                gradients[1] += errors.sum(0)
        ctx.save_for_backward(by_features, *gradients)
        ctx.mark_non_differentiable(hits)
        return loss, hits

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        by_features, by_embedding, by_bias = ctx.saved_tensors
        scale = upstream[0]
        return (
            by_features * scale.to(by_features.dtype),
            by_embedding * scale,
            by_bias * scale,
            None,
        )


def contrastive_logits(queries: Tensor, positives: Tensor) -> Tensor:
    """Cosine logits of each query against all positives, then all other queries.

    Args:
        queries: `(n, c)`, L2-normalised; clip i of video i.
        positives: `(n, c)`, L2-normalised; row i is the positive of query i.

    Returns:
        `(n, 2n)`: column i is the positive of row i; a query's likeness to itself is -inf.
    """
    own = torch.eye(queries.shape[0], dtype=torch.bool, device=queries.device)
    others = (queries @ queries.T).masked_fill(own, float("-inf"))
    return torch.cat([queries @ positives.T, others], 1) / TEMPERATURE


def contrastive_loss(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """InfoNCE between the two clips of every video, in both directions.

    The two mean losses are added and the sum is multiplied by the temperature, as in the paper's
    public release.

    Args:
        first: `(n, c)` projections of the videos' first clips, not normalised.
        second: the same of their second clips.

    Returns:
        The loss and the share of clips whose nearest candidate is their positive, both scalars.
    """
    first, second = functional.normalize(first.float()), functional.normalize(second.float())
    labels = torch.arange(first.shape[0], device=first.device)
    directions = [contrastive_logits(first, second), contrastive_logits(second, first)]
    losses = torch.stack([functional.cross_entropy(logits, labels) for logits in directions])
    hits = torch.cat([logits.argmax(1) == labels for logits in directions])
    return TEMPERATURE * losses.sum(), hits.float().mean()
