"""A linear classifier on features that stay as they are: what a backbone knows, untouched."""

import torch
from torch import Tensor
from torch.nn import functional

WEIGHT_DECAY = 1e-3
ITERATIONS = 200


def linear_probe(
    queries: Tensor,
    features: Tensor,
    labels: Tensor,
    *,
    classes: int,
    weight_decay: float = WEIGHT_DECAY,
    iterations: int = ITERATIONS,
) -> Tensor:
    """Classes of `queries` by logistic regression on labelled features.

    Features are standardised; weights start at zero and are fitted on all features at once by
    L-BFGS in float64, so that nothing is left to chance.

    Args:
        queries: `(m, d)` float.
        features: `(n, d)` float.
        labels: `(n,)` int64 in [0, classes).
        classes: number of classes.
        weight_decay: of the weights' squared sum, added to the mean cross-entropy.
        iterations: at most so many.

    Returns:
        `(m, classes)` float32, each row sums to 1.
    """
    known = features.double()
    mean, scale = known.mean(0), known.std(0, correction=0).clamp(min=1e-6)
    known = (known - mean) / scale
    weight = known.new_zeros(classes, known.shape[1], requires_grad=True)
    bias = known.new_zeros(classes, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=iterations, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        logits = functional.linear(known, weight, bias)
        total = functional.cross_entropy(logits, labels) + weight_decay * weight.square().sum()
        total.backward()
        return total

    with torch.enable_grad():
        optimizer.step(loss)
    with torch.no_grad():
        logits = functional.linear((queries.double() - mean) / scale, weight, bias)
    return logits.softmax(1).float()
