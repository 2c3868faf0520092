"""The contrastive loss against its definition, written out as loops."""

import math

import pytest
import torch
from torch.nn import functional
from vimpac.trainer.pretraining.losses import CHUNK, TEMPERATURE, contrastive_loss, token_loss


def slow_contrastive_loss(first, second):
    first, second = functional.normalize(first), functional.normalize(second)

    def one_way(queries, positives):
        total = 0.0
        for i, query in enumerate(queries):
            candidates = [float(query @ positive) for positive in positives]
            candidates += [float(query @ other) for j, other in enumerate(queries) if j != i]
            exponents = [math.exp(value / TEMPERATURE) for value in candidates]
            total -= math.log(exponents[i] / sum(exponents))
        return total / len(queries)

    return TEMPERATURE * (one_way(first, second) + one_way(second, first))


def test_equals_the_definition():
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 7, 16, generator=generator)
    loss, _ = contrastive_loss(first, second)
    assert float(loss) == pytest.approx(slow_contrastive_loss(first, second), abs=1e-5)


def test_one_video_has_no_negatives():
    loss, accuracy = contrastive_loss(torch.randn(1, 8), torch.randn(1, 8))
    assert float(loss) == 0
    assert float(accuracy) == 1


def test_accuracy_counts_positives_that_come_first():
    features = torch.eye(4)
    assert float(contrastive_loss(features, features)[1]) == 1
    assert float(contrastive_loss(features, features.roll(1, 0))[1]) == 0


def test_chunked_token_loss_is_the_cross_entropy_with_its_gradients():
    generator = torch.Generator().manual_seed(0)
    rows = CHUNK + 37
    sizes = ((rows, 16), (41, 16), (41,))
    inputs = [
        torch.randn(size, generator=generator, dtype=torch.float64).float().requires_grad_()
        for size in sizes
    ]
    targets = torch.randint(0, 41, (rows,), generator=generator)
    loss, hits = token_loss(*inputs, targets)
    (loss / rows).backward()
    found = [value.grad.clone() for value in inputs]
    features, embedding, bias = (value.detach().requires_grad_() for value in inputs)
    logits = functional.linear(features, embedding, bias)
    functional.cross_entropy(logits, targets).backward()
    torch.testing.assert_close(loss / rows, functional.cross_entropy(logits, targets))
    assert int(hits) == int((logits.argmax(1) == targets).sum())
    for gradient, value in zip(found, (features, embedding, bias), strict=True):
        torch.testing.assert_close(gradient, value.grad, atol=1e-6, rtol=1e-4)


def test_no_masked_token_is_no_loss():
    loss, hits = token_loss(
        torch.zeros(0, 4), torch.zeros(9, 4), torch.zeros(9), torch.zeros(0, dtype=torch.long)
    )
    assert (float(loss), int(hits)) == (0, 0)
