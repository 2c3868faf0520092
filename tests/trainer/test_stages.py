"""Going on with another run's schedule on larger frames, forecasts, monitors, TensorBoard."""

from dataclasses import replace

import pytest
import torch
from vimpac.datasets import LabelSource
from vimpac.trainer import (
    ALONE,
    LoopConfig,
    MaskConfig,
    ModelConfig,
    OptimizerConfig,
    PretrainConfig,
    Run,
    TrainingError,
    forecast,
    pretrain,
    read_metrics,
)
from vimpac.trainer.loop.checkpoint import read_checkpoint
from vimpac.trainer.pretraining.run import state_of

CONFIG = PretrainConfig(
    model=ModelConfig(
        vocabulary=12, frames=4, grid=(2, 3), layers=1, width=32, heads=2, mlp_width=64,
        projection_width=16,
    ),
    optimizer=OptimizerConfig(lr=3e-3, weight_decay=0.05, betas=(0.9, 0.98)),
    loop=LoopConfig(steps=10, until=6, log_every=1, checkpoint_every=3),
    batch_size=4,
    mask=MaskConfig(boxes=2),
)  # fmt: skip


@pytest.fixture(scope="module")
def first(store, tmp_path_factory) -> Run:
    run = Run(tmp_path_factory.mktemp("stages") / "first")
    config = replace(
        CONFIG,
        validation="validation/*",
        knn=LabelSource(task="motion"),
        loop=replace(CONFIG.loop, tensorboard=True),
    )
    pretrain(store, run, config)
    return run


def test_a_run_stops_where_it_is_told_to(first):
    assert first.latest.name == "step-00000006"
    assert PretrainConfig.from_dict(
        {name: value for name, value in first.config.items() if name not in ("kind", "tokens")}
    ).loop == replace(CONFIG.loop, tensorboard=True)


def test_held_out_videos_are_measured_at_checkpoints(first):
    lines = read_metrics(first.path / "metrics.jsonl")
    measured = [line["step"] for line in lines if "validation_token_loss" in line]
    assert measured == [3, 6]
    assert lines[-1]["validation_token_loss"] == pytest.approx(lines[-1]["token_loss"], rel=0.5)
    assert 0 < lines[-1]["knn_accuracy"] <= 1
    assert 0 < lines[-1]["mask_share"] < 1
    assert lines[-1]["padding_share"] == 0


def test_tensorboard_holds_the_same_figures(first):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(first.path / "tensorboard"))
    events.Reload()
    told = [(event.step, event.value) for event in events.Scalars("loss")]
    lines = read_metrics(first.path / "metrics.jsonl")
    assert [step for step, _ in told] == [line["step"] for line in lines]
    assert [value for _, value in told] == pytest.approx([line["loss"] for line in lines])


def test_the_second_stage_goes_on_with_schedule_weights_and_moments(first, store, tmp_path):
    run = Run(tmp_path / "second")
    config = replace(CONFIG, init=str(first.path), loop=replace(CONFIG.loop, until=None))
    pretrain(store, run, config)
    lines = read_metrics(run.path / "metrics.jsonl")
    assert [line["step"] for line in lines] == [7, 8, 9, 10]
    whole = Run(tmp_path / "whole")
    pretrain(store, whole, replace(CONFIG, loop=replace(CONFIG.loop, until=None)))
    assert lines[-1]["lr"] == read_metrics(whole.path / "metrics.jsonl")[-1]["lr"]


def test_tables_and_moments_are_stretched_to_a_larger_grid(first):
    larger = replace(CONFIG.model, grid=(4, 6))
    state, before = state_of(first, larger), read_checkpoint(first.latest)
    name = "backbone.positions.tables.2"
    assert state.step == 6
    assert state.weights[name].shape == (6, 32)
    for kind in ("exp_avg", "exp_avg_sq"):
        assert state.moments[f"{name}.{kind}"].shape == (6, 32)
    assert state.moments[f"{name}.step"] == 6
    other = "backbone.layers.0.expand.weight"
    assert torch.equal(state.weights[other], before.weights[other])
    with pytest.raises(TrainingError, match="frames and grid"):
        state_of(first, replace(larger, layers=2))


def test_a_forecast_counts_the_run(store):
    told = forecast(store, CONFIG, ALONE)
    assert (told["videos"], told["steps"], told["batch_size"]) == (32, 6, 4)
    assert told["epochs"] == 6 * 4 / 32
    assert told["tokens"] == 6 * 4 * 2 * 4 * 2 * 3
    assert told["masked_tokens"] == pytest.approx(told["tokens"] * told["mask_share"], abs=1)
    parts = ("backbone", "token_head", "contrastive_head")
    assert told["parameters"] == sum(told[f"{part}_parameters"] for part in parts)
    dense = 2 * 3 * 8 * 24 * (8 * 32 * 32 + 2 * 32 * 64)  # without attention scores and heads
    assert 0.5 * dense < told["flops_a_step"] < 1.5 * dense


def test_a_forecast_counts_what_is_left_of_an_earlier_run(first, store):
    left = replace(CONFIG, init=str(first.path), loop=replace(CONFIG.loop, until=None))
    assert forecast(store, left, ALONE)["steps"] == 4
    with pytest.raises(TrainingError, match="is at step 6 of 6"):
        forecast(store, replace(CONFIG, init=str(first.path)), ALONE)


def test_accumulation_lowers_the_forecast_memory(store):
    parts = replace(CONFIG, loop=replace(CONFIG.loop, accumulate=4))
    assert (
        forecast(store, parts, ALONE)["memory_bytes_a_rank"]
        < forecast(store, CONFIG, ALONE)["memory_bytes_a_rank"]
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"token_weight": 0.0, "contrastive_weight": 0.0},
        {"max_distance": -1},
        {"batch_size": 0},
        {"knn": LabelSource(task="motion"), "loop": LoopConfig(steps=1, sharding="fsdp")},
    ],
)
def test_a_run_that_cannot_be_is_refused(changes):
    with pytest.raises(TrainingError):
        replace(CONFIG, **changes)


@pytest.mark.parametrize("weights", [(1.0, 0.0), (0.0, 1.0)])
def test_either_loss_can_be_left_out(store, tmp_path, weights):
    config = replace(CONFIG, token_weight=weights[0], contrastive_weight=weights[1])
    run = Run(tmp_path / "run")
    pretrain(store, run, replace(config, loop=LoopConfig(steps=1)))
    line = read_metrics(run.path / "metrics.jsonl")[-1]
    wanted = "token_loss" if weights[0] else "contrastive_loss"
    assert line["loss"] == pytest.approx(line[wanted])
