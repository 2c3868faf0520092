"""What processes exchange, and that the gathered contrastive loss has the right gradient."""

import pytest
import torch
from ranks import run_ranks
from vimpac.trainer import Distributed, TrainingError, choose_device
from vimpac.trainer.pretraining.losses import contrastive_loss


def features() -> tuple[torch.Tensor, torch.Tensor]:
    """`(6, 8)` first and second clips of six videos."""
    drawn = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return drawn[0], drawn[1]


def check_exchanges(distributed: Distributed) -> None:
    rank = distributed.rank
    assert (distributed.world_size, distributed.leads) == (2, rank == 0)
    assert distributed.collect(torch.arange(rank + 1)).tolist() == [0, 0, 1]
    assert distributed.total(torch.tensor([rank, 1])).tolist() == [1, 2]
    assert float(distributed.mean(torch.tensor(float(rank)))) == 0.5
    assert distributed.any(rank == 1)
    assert not distributed.any(False)
    distributed.wait()
    check_gathered_contrastive_gradient(distributed)


def check_gathered_contrastive_gradient(distributed: Distributed) -> None:
    whole = [tensor.requires_grad_() for tensor in features()]
    wanted, _ = contrastive_loss(*whole)
    wanted.backward()
    mine = slice(3 * distributed.rank, 3 * distributed.rank + 3)
    own = [tensor.detach()[mine].requires_grad_() for tensor in whole]
    loss, _ = contrastive_loss(*(distributed.gather(tensor) for tensor in own))
    loss.backward()
    torch.testing.assert_close(loss, wanted)
    for part, tensor in zip(own, whole, strict=True):
        averaged = part.grad / distributed.world_size
        torch.testing.assert_close(averaged, tensor.grad[mine])


def test_two_ranks_exchange():
    run_ranks(check_exchanges, 2)


def test_a_process_alone_exchanges_with_itself():
    alone, values = Distributed(), torch.arange(3.0)
    for exchange in (alone.gather, alone.collect, alone.total, alone.mean):
        assert torch.equal(exchange(values), values)
    assert alone.leads
    assert alone.any(True)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        *((name, "unknown") for name in ("nonsense", "mps", "xpu", "meta")),
        ("cuda:99", "not here"),
    ],
)
def test_a_device_that_is_not_here_is_refused(name, word):
    with pytest.raises(TrainingError, match=word):
        choose_device(name)


def test_one_card_for_several_processes_is_refused():
    with pytest.raises(TrainingError, match="give cuda"):
        choose_device("cuda:0", local_rank=1)
