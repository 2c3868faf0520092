"""One process and two, one part and several: the same losses, the same weights."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from ranks import run_ranks
from vimpac.datasets import TokenStore
from vimpac.trainer import (
    Distributed,
    LoopConfig,
    MaskConfig,
    ModelConfig,
    OptimizerConfig,
    PretrainConfig,
    Run,
    pretrain,
    read_metrics,
)

STEPS = 6
CONFIG = PretrainConfig(
    model=ModelConfig(
        vocabulary=12, frames=4, grid=(2, 3), layers=2, width=32, heads=2, mlp_width=64,
        projection_width=16, dropout=0.0,
    ),
    optimizer=OptimizerConfig(lr=3e-3, weight_decay=0.05, betas=(0.9, 0.98)),
    loop=LoopConfig(steps=STEPS, log_every=1, checkpoint_every=3),
    batch_size=8,
    mask=MaskConfig(boxes=2),
    validation="validation/*",
)  # fmt: skip

WAYS = {
    "ddp": {},
    "ddp in parts": {"accumulate": 2},
    "fsdp": {"sharding": "fsdp"},
    "fsdp in parts": {"sharding": "fsdp", "accumulate": 2},
}


def configured(**loop: object) -> PretrainConfig:
    return replace(CONFIG, loop=replace(CONFIG.loop, **loop))


def tokens_alone(**loop: object) -> PretrainConfig:
    return replace(configured(**loop), contrastive_weight=0.0)


def train_every_way(distributed: Distributed, store: Path, runs: Path) -> None:
    for name, loop in WAYS.items():
        pretrain(
            TokenStore.open(store), Run(runs / name), configured(**loop), distributed=distributed
        )
    for until, sharding in ((2, "ddp"), (3, "fsdp"), (4, "ddp")):
        pretrain(
            TokenStore.open(store),
            Run(runs / "tokens alone"),
            tokens_alone(until=until, sharding=sharding),
            distributed=distributed,
            resume=True,
        )
    resumed = Run(runs / "resumed")
    for until in (3, STEPS):
        pretrain(
            TokenStore.open(store),
            resumed,
            configured(until=until, sharding="fsdp" if until == 3 else "ddp"),
            distributed=distributed,
            resume=True,
        )


@pytest.fixture(scope="module")
def alone(store, tmp_path_factory) -> Run:
    run = Run(tmp_path_factory.mktemp("alone") / "run")
    pretrain(store, run, CONFIG)
    return run


@pytest.fixture(scope="module")
def shared(store, tmp_path_factory) -> Path:
    runs = tmp_path_factory.mktemp("shared")
    run_ranks(train_every_way, 2, store.path, runs)
    return runs


FIGURES = (
    "loss",
    "token_loss",
    "token_accuracy",
    "contrastive_loss",
    "contrastive_accuracy",
    "mask_share",
    "gradient_norm",
    "lr",
)


def assert_same_run(run: Run, wanted: Run) -> None:
    lines = [read_metrics(one.path / "metrics.jsonl") for one in (run, wanted)]
    assert len(lines[0]) == len(lines[1]) == STEPS
    for line, other in zip(*lines, strict=True):
        for name in FIGURES:
            assert line[name] == pytest.approx(other[name], abs=1e-4, rel=1e-4), (
                line["step"],
                name,
            )
    assert "validation_token_loss" in lines[0][-1]
    assert lines[0][-1]["validation_token_loss"] == pytest.approx(
        lines[1][-1]["validation_token_loss"], abs=1e-3
    )
    weights, others = run.weights(), wanted.weights()
    assert weights.keys() == others.keys()
    for name, value in weights.items():
        if name in ("contrastive_head.layers.0.bias", "contrastive_head.layers.1.running_mean"):
            continue  # a bias before a batch norm: its gradient is rounding, which AdamW scales up
        torch.testing.assert_close(value, others[name], atol=1e-3, rtol=1e-3, msg=name)


@pytest.mark.parametrize("way", [*WAYS, "resumed"])
def test_two_ranks_train_as_one_process_does(alone, shared, way):
    assert_same_run(Run(shared / way), alone)


def test_two_ranks_leave_the_contrastive_loss_out(store, shared, tmp_path):
    run, wanted = Run(shared / "tokens alone"), Run(tmp_path / "run")
    pretrain(store, wanted, tokens_alone(until=4))
    found = [line["loss"] for line in read_metrics(run.path / "metrics.jsonl")]
    assert found == pytest.approx(
        [line["loss"] for line in read_metrics(wanted.path / "metrics.jsonl")], rel=1e-4
    )
    assert len(found) == 4


@pytest.mark.parametrize(("before", "after"), [(1.0, 0.0), (0.0, 1.0)])
def test_the_contrastive_loss_comes_and_goes_from_one_run_to_the_next(
    store, tmp_path, before, after
):
    first = Run(tmp_path / "first")
    pretrain(store, first, replace(configured(until=2), contrastive_weight=before))
    second = replace(configured(until=4), contrastive_weight=after, init=str(first.path))
    assert pretrain(store, Run(tmp_path / "second"), second).step == 4


@pytest.mark.parametrize(
    "loop", [{"accumulate": 3}, {"checkpoint_activations": True}, {"accumulate": 99}]
)
def test_memory_is_saved_without_changing_the_run(store, alone, tmp_path, loop):
    run = Run(tmp_path / "run")
    pretrain(store, run, configured(**loop))
    assert_same_run(run, alone)


def test_parts_draw_the_dropout_of_the_look_ahead(store, tmp_path):
    """With dropout, the features of the look ahead are those the gradients belong to."""
    from vimpac.trainer.pretraining import objective

    seen: list[torch.Tensor] = []
    real = objective.predict

    def spy(model, clips, places):
        outputs = real(model, clips, places)
        seen.append(outputs[2].detach())
        return outputs

    dropping = replace(
        configured(accumulate=2, until=1), model=replace(CONFIG.model, dropout=0.3), validation=None
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objective, "predict", spy)
        pretrain(store, Run(tmp_path / "run"), dropping)
    first, second, first_again, second_again = seen
    torch.testing.assert_close(first, first_again, atol=1e-6, rtol=0)
    torch.testing.assert_close(second, second_again, atol=1e-6, rtol=0)
    assert not torch.equal(first, second)
