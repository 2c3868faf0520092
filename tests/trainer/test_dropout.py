"""Dropout and recomputation: their statistics and gradients."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from vimpac.trainer.model.dropout import Dropout
from vimpac.trainer.model.recompute import gelu_then


def test_dropout_zeroes_its_share_and_keeps_the_mean():
    torch.manual_seed(0)
    x = torch.ones(1001, 401, requires_grad=True)
    out = Dropout(0.1)(x)
    assert float((out == 0).float().mean()) == pytest.approx(0.1, abs=0.002)
    assert float(out.detach().mean()) == pytest.approx(1, abs=0.002)
    out.sum().backward()
    assert torch.equal(x.grad, out)
    by_column = (out == 0).float().mean(0)
    assert by_column.std() == pytest.approx((0.1 * 0.9 / 1001) ** 0.5, rel=0.2)


def test_dropout_follows_the_seed_and_rests_in_evaluation():
    x, dropout = torch.ones(50, 7), Dropout(0.5)
    outs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        outs.append(dropout(x))
    assert torch.equal(outs[0], outs[1])
    assert not torch.equal(outs[0], outs[2])
    assert dropout.eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_gelu_computed_again_has_the_same_gradients():
    torch.manual_seed(0)
    linear = nn.Linear(8, 3)
    inner = torch.randn(2, 5, 8, requires_grad=True)
    kept: list[tuple[int, ...]] = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda saved: kept.append(tuple(saved.shape)) or saved, lambda saved: saved
    ):
        out = gelu_then(linear, inner)
    assert (10, 8) not in kept, "the linear layer's input is not kept"
    out.square().sum().backward()
    found = [value.grad.clone() for value in (inner, linear.weight, linear.bias)]
    inner.grad = None
    linear.zero_grad()
    linear(functional.gelu(inner)).square().sum().backward()
    for gradient, value in zip(found, (inner, linear.weight, linear.bias), strict=True):
        torch.testing.assert_close(gradient, value.grad)
