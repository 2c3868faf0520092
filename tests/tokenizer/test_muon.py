"""Muon, against its definition and PyTorch's own for matrices."""

import pytest
import torch
from torch import Tensor
from vimpac.tokenizer.training.muon import Muon, orthogonal


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(16, 144), (96, 24), (8, 8)])
def test_directions_come_out_alike(shape: tuple[int, int]) -> None:
    matrix = random(*shape)
    rows, _, columns = torch.linalg.svd(matrix, full_matrices=False)

    values = torch.linalg.svdvals(orthogonal(matrix))
    kept = rows.T @ orthogonal(matrix) @ columns.T

    assert values.min() > 0.3
    assert values.max() < 1.3
    # in the matrix's own directions: turned neither into one another nor round
    assert (kept - kept.diagonal().diag()).abs().max() < 1e-3
    assert kept.diagonal().min() > 0.3


def test_the_size_of_a_gradient_does_not_matter() -> None:
    torch.testing.assert_close(orthogonal(1000 * random(4, 9)), orthogonal(random(4, 9)))
    assert torch.equal(orthogonal(torch.zeros(4, 9)), torch.zeros(4, 9))


@pytest.mark.parametrize("shape", [(12, 7), (7, 12)])
def test_steps_are_those_of_pytorch(shape: tuple[int, int]) -> None:
    ours = random(*shape, 1, 1).requires_grad_()
    theirs = random(*shape).requires_grad_()
    optimizers = (
        Muon([ours], lr=0.1),
        torch.optim.Muon(
            [theirs], lr=0.1, weight_decay=0.0, momentum=0.95, adjust_lr_fn="match_rms_adamw"
        ),
    )
    before = theirs.detach().clone()
    for step in range(3):
        gradient = random(*shape, seed=step + 1)
        ours.grad, theirs.grad = gradient[:, :, None, None], gradient
        for optimizer in optimizers:
            optimizer.step()

    moved = (theirs - before).norm()
    assert moved > 0
    assert (ours[:, :, 0, 0] - theirs).norm() < 0.03 * moved  # theirs multiplies in bfloat16


def test_the_order_in_memory_does_not_matter() -> None:
    kernel = random(6, 5, 3, 3).requires_grad_()
    other = random(6, 5, 3, 3).to(memory_format=torch.channels_last).requires_grad_()
    kernel.grad = random(6, 5, 3, 3, seed=1)
    other.grad = kernel.grad.clone(memory_format=torch.channels_last)
    for parameter in (kernel, other):
        Muon([parameter], lr=0.1).step()
    torch.testing.assert_close(kernel, other)
    assert not torch.equal(kernel, random(6, 5, 3, 3))


def test_a_silent_channel_leaves_no_subnormal_numbers() -> None:
    kernel = random(4, 3, 1, 1).requires_grad_()
    muon = Muon([kernel], lr=0.1)
    kernel.grad = random(4, 3, 1, 1, seed=1)
    muon.step()
    kernel.grad[0] = 0
    for _ in range(1400):  # 0.95^1400 is 6e-32
        muon.step()
    momentum = muon.state[kernel]["momentum"]
    assert not momentum[0].any()
    assert momentum[1:].all()
