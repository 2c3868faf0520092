"""The two pre-training losses (VIMPAC, sections 3.3 and 3.4)."""

import torch
from torch import Tensor
from torch.nn import functional

TEMPERATURE = 0.2


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
