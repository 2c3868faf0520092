"""The update: what is not finite changes nothing; fp16's scale; choice of precision."""

import pytest
import torch
from torch import nn
from vimpac.trainer import (
    ALONE,
    LoopConfig,
    OptimizerConfig,
    Run,
    TrainingError,
    choose_precision,
    read_metrics,
)
from vimpac.trainer.loop import precision as precisions
from vimpac.trainer.loop.log import Log
from vimpac.trainer.loop.optimizer import make_optimizer
from vimpac.trainer.loop.update import FIRST_SCALE, Update

CPU = torch.device("cpu")
ADAMW = OptimizerConfig(lr=0.1, weight_decay=0.0, betas=(0.9, 0.98))


def make(precision: str = "fp32", clip_norm: float = 1.0) -> tuple[nn.Linear, Update]:
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    return model, Update(model, make_optimizer(model, ADAMW), clip_norm, precision, CPU)


def step(model: nn.Linear, update: Update, number: int, factor: float = 1.0) -> torch.Tensor:
    loss = (model(torch.ones(2, 3)) * factor).sum()
    update.backward(loss)
    return update.apply(loss.detach(), 0.1, number)


def test_clipping_is_that_of_pytorch():
    model, update = make(clip_norm=0.5)
    other, _ = make()
    optimizer = make_optimizer(other, ADAMW)
    for number in range(1, 4):
        norm = step(model, update, number)
        optimizer.zero_grad()
        other(torch.ones(2, 3)).sum().backward()
        wanted = nn.utils.clip_grad_norm_(other.parameters(), 0.5)
        optimizer.step()
        torch.testing.assert_close(norm, wanted)
        torch.testing.assert_close(model.weight, other.weight)


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_nothing_changes_from_the_first_step_that_is_not_finite(factor):
    model, update = make()
    step(model, update, 1)
    before = model.weight.detach().clone()
    step(model, update, 2, factor)
    step(model, update, 3)
    assert torch.equal(model.weight, before)
    with pytest.raises(TrainingError, match=r"step 2: loss .* not finite"):
        update.check()


def test_finite_steps_pass_the_check():
    model, update = make()
    step(model, update, 1)
    update.check()


def test_fp16_lowers_its_scale_where_gradients_overflow_and_goes_on():
    model, update = make("fp16")
    before = model.weight.detach().clone()
    loss = model(torch.ones(2, 3)).sum()
    update.backward(loss)
    model.weight.grad.fill_(float("inf"))
    update.apply(loss.detach(), 0.1, 1)
    assert torch.equal(model.weight, before)
    assert update.state()["loss_scale"] == FIRST_SCALE / 2
    norm = step(model, update, 2)
    assert norm == pytest.approx(4.0, rel=1e-3), "the norm is that of the unscaled gradient"
    assert not torch.equal(model.weight, before)
    update.check()
    _, resumed = make("fp16")
    resumed.load(update.state())
    assert resumed.state() == update.state()


def test_a_mean_is_over_what_is_finite_and_json_holds_nothing_else(tmp_path):
    log = Log(Run(tmp_path), 0, LoopConfig(steps=3), ALONE, None)
    for norm in (float("inf"), 2.0, 4.0):
        log.add(1, {"loss": torch.tensor(norm / norm), "gradient_norm": torch.tensor(norm)})
    log.report(3, validation_token_loss=float("nan"))
    log.add(1, {"loss": torch.tensor(1.0), "gradient_norm": torch.tensor(float("nan"))})
    log.report(4)
    first, second = read_metrics(tmp_path / "metrics.jsonl")
    assert (first["loss"], first["gradient_norm"], second["loss"]) == (1, 3, 1)
    assert "validation_token_loss" not in first
    assert "gradient_norm" not in second
    assert "NaN" not in (tmp_path / "metrics.jsonl").read_text()


def test_auto_takes_bf16_only_where_the_device_multiplies_it(monkeypatch):
    for has, wanted in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(precisions, "has_bf16", lambda _, has=has: has)
        assert choose_precision("auto", CPU) == wanted
    assert choose_precision("fp16", CPU) == "fp16"
    with pytest.raises(TrainingError, match="fp8"):
        choose_precision("fp8", CPU)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"steps": 0}, "steps"),
        ({"accumulate": 0}, "accumulate"),
        ({"until": 9}, "until"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**31}, "seed"),
        ({"precision": "fp8"}, "precision"),
        ({"sharding": "zero"}, "sharding"),
    ],
)
def test_a_loop_that_cannot_run_is_refused(changes, word):
    with pytest.raises(TrainingError, match=word):
        LoopConfig(**{"steps": 8, **changes})
