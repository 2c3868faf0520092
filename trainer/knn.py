"""Nearest neighbours in a feature space: how far classes are told apart with nothing trained."""

import torch
from torch import Tensor
from torch.nn import functional

NEIGHBOURS = 20
TEMPERATURE = 0.07
QUERIES_AT_ONCE = 1024


def knn_probabilities(
    queries: Tensor,
    features: Tensor,
    labels: Tensor,
    *,
    classes: int,
    neighbours: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
) -> Tensor:
    """Classes of `queries` by the vote of their nearest labelled features.

    Each of the nearest votes for its class with weight exp(cosine / temperature) (Wu et al.,
    arXiv 1805.01978).

    Args:
        queries: `(m, d)` float, of any length.
        features: `(n, d)` float, of any length.
        labels: `(n,)` int64 in [0, classes).
        classes: number of classes.
        neighbours: how many vote; all where there are fewer.
        temperature: of the votes.

    Returns:
        `(m, classes)` float32, each row sums to 1.
    """
    known = functional.normalize(features.float(), dim=1)
    votes_of = functional.one_hot(labels, classes).float()
    rows = []
    for part in functional.normalize(queries.float(), dim=1).split(QUERIES_AT_ONCE):
        cosine, nearest = (part @ known.T).topk(min(neighbours, len(known)), dim=1)
        weight = (cosine / temperature).softmax(1)
        rows.append((weight[:, :, None] * votes_of[nearest]).sum(1))
    return torch.cat(rows)


def knn_accuracy(
    queries: Tensor,
    query_labels: Tensor,
    features: Tensor,
    labels: Tensor,
    *,
    neighbours: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
) -> float:
    """Share of queries whose class the vote gets right; see `knn_probabilities`."""
    classes = int(max(labels.max(), query_labels.max())) + 1
    voted = knn_probabilities(
        queries, features, labels, classes=classes, neighbours=neighbours, temperature=temperature
    )
    return float((voted.argmax(1) == query_labels).float().mean())
