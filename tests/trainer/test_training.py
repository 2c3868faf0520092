"""Runs: what they leave, how they resume, when they stop, and that they learn."""

import json
import os
import shutil
import signal
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from safetensors.torch import load_file
from vimpac.datasets import LabelSource, StoreError
from vimpac.trainer import (
    EvaluationConfig,
    FinetuneConfig,
    LoopConfig,
    MaskConfig,
    ModelConfig,
    OptimizerConfig,
    PretrainConfig,
    Run,
    TrainingError,
    evaluate_classifier,
    evaluate_pretraining,
    finetune,
    load_classifier,
    pretrain,
    pretrained_shape,
    read_metrics,
)
from vimpac.trainer.loop.optimizer import learning_rate, make_optimizer

CPU = torch.device("cpu")
MODEL = ModelConfig(
    vocabulary=12, frames=4, grid=(2, 3), layers=1, width=32, heads=2, mlp_width=64,
    projection_width=16, dropout=0.1,
)  # fmt: skip
ADAMW = OptimizerConfig(lr=3e-3, weight_decay=0.05, betas=(0.9, 0.98))
CONFIG = PretrainConfig(
    model=MODEL,
    optimizer=ADAMW,
    loop=LoopConfig(steps=8, log_every=2, checkpoint_every=3),
    batch_size=5,
    mask=MaskConfig(boxes=2),
)
TUNING = FinetuneConfig(
    labels=LabelSource(task="motion"),
    classes=("down", "up"),
    init=None,
    model=MODEL,
    optimizer=ADAMW,
    loop=LoopConfig(steps=150, checkpoint_every=1000),
    batch_size=16,
)


def weights(run: Run) -> dict[str, torch.Tensor]:
    return load_file(run.latest / "model.safetensors")


def assert_equal_weights(first: Run, second: Run) -> None:
    one, two = weights(first), weights(second)
    assert one.keys() == two.keys()
    for name, value in one.items():
        assert torch.equal(value, two[name]), name


class Killed(Exception):
    pass


def kill_at(step: int):
    def on_report(report) -> None:
        if report.step == step:
            raise Killed

    return on_report


@pytest.fixture(scope="module")
def undisturbed(store, tmp_path_factory) -> Run:
    run = Run(tmp_path_factory.mktemp("runs") / "undisturbed")
    pretrain(store, run, CONFIG)
    return run


def test_a_run_leaves_config_metrics_and_the_last_checkpoints(undisturbed, store):
    assert undisturbed.config["kind"] == "pretrain"
    assert undisturbed.config["tokens"]["tokenizer"]["fingerprint"] == "f" * 64
    assert [path.name for path in undisturbed.checkpoints] == ["step-00000006", "step-00000008"]
    steps = [line["step"] for line in read_metrics(undisturbed.path / "metrics.jsonl")]
    assert steps == [2, 4, 6, 8]
    assert not list(undisturbed.path.rglob(".writing-*"))


@pytest.mark.parametrize("step", [2, 4, 8])
def test_a_killed_run_resumes_to_the_same_bits(store, tmp_path, undisturbed, step):
    run = Run(tmp_path / "run")
    with pytest.raises(Killed):
        pretrain(store, run, CONFIG, on_report=kill_at(step))
    pretrain(store, run, CONFIG, resume=True)
    assert_equal_weights(run, undisturbed)
    lines = read_metrics(run.path / "metrics.jsonl")
    wanted = read_metrics(undisturbed.path / "metrics.jsonl")
    assert [(line["step"], line["lr"]) for line in lines] == [(w["step"], w["lr"]) for w in wanted]


def test_a_half_written_checkpoint_is_not_used(store, tmp_path, undisturbed):
    run = Run(tmp_path / "run")
    with pytest.raises(Killed):
        pretrain(store, run, CONFIG, on_report=kill_at(4))
    half = run.path / "checkpoints" / ".writing-killed"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    pretrain(store, run, CONFIG, resume=True)
    assert_equal_weights(run, undisturbed)
    assert not half.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_checkpoints_first(store, tmp_path, undisturbed, number):
    run = Run(tmp_path / "run")

    def interrupt(report) -> None:
        if report.step == 2:
            os.kill(os.getpid(), number)

    outcome = pretrain(store, run, CONFIG, on_report=interrupt)
    assert outcome.stopped
    assert outcome.step < 8
    assert run.latest.name == f"step-{outcome.step:08d}"
    assert not pretrain(store, run, CONFIG, resume=True).stopped
    assert_equal_weights(run, undisturbed)


def test_workers_do_not_change_a_run(store, tmp_path, undisturbed):
    run = Run(tmp_path / "run")
    pretrain(store, run, replace(CONFIG, workers=1))
    assert_equal_weights(run, undisturbed)


def test_another_seed_is_another_run(store, tmp_path, undisturbed):
    run = Run(tmp_path / "run")
    pretrain(store, run, replace(CONFIG, loop=replace(CONFIG.loop, seed=1)))
    assert not torch.equal(
        weights(run)["backbone.embedding.weight"],
        weights(undisturbed)["backbone.embedding.weight"],
    )


def test_a_finished_run_is_not_overwritten(store, undisturbed):
    with pytest.raises(TrainingError, match="--resume"):
        pretrain(store, undisturbed, CONFIG)


def test_resume_refuses_other_settings(store, undisturbed):
    with pytest.raises(TrainingError, match=r"mask\.boxes 2 -> 3"):
        pretrain(store, undisturbed, replace(CONFIG, mask=MaskConfig(boxes=3)), resume=True)


def test_a_loss_that_is_not_finite_stops_the_run(store, tmp_path):
    wild = replace(CONFIG, optimizer=replace(ADAMW, lr=1e30))
    with pytest.raises(TrainingError, match=r"step \d+: loss .* not finite"):
        pretrain(store, Run(tmp_path / "run"), wild)


def test_excluded_videos_are_not_drawn(store, tmp_path, monkeypatch):
    from vimpac.datasets import RandomClips

    drawn = []
    real = RandomClips.batch

    def spy(clips, samples, source=None):
        batch = real(clips, samples, source)
        drawn.extend(batch["index"].tolist())
        return batch

    monkeypatch.setattr(RandomClips, "batch", spy)
    config = replace(CONFIG, exclude="validation/*")
    pretrain(store, Run(tmp_path / "run"), config)
    assert {store.keys[index].split("/")[0] for index in drawn} == {"train"}


def test_codebook_embedding_keeps_the_codes_geometry(store, tmp_path):
    config = replace(
        CONFIG, codebook_embedding=True, loop=LoopConfig(steps=1), optimizer=replace(ADAMW, lr=1e-9)
    )
    codebook = torch.randn(12, 4)
    codebook[3] = codebook[7]
    run = Run(tmp_path / "run")
    pretrain(store, run, config, codebook=codebook)
    rows = weights(run)["backbone.embedding.weight"]
    torch.testing.assert_close(rows[3], rows[7], atol=1e-6, rtol=0)
    assert rows[:12].std() == pytest.approx(0.02, rel=0.3)
    none = Run(tmp_path / "none")
    with pytest.raises(TrainingError, match="codebook"):
        pretrain(store, none, config, codebook=None)
    assert not none.path.exists()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"validation": "test/*"}, "none of the 32 videos"),
        ({"validation": "train/*", "exclude": "validation/*"}, "left to train on"),
        ({"knn": LabelSource(task="ucf101", annotations="nowhere")}, "no label files"),
    ],
)
def test_a_refused_run_leaves_no_folder_in_the_way(store, tmp_path, changes, says):
    run = Run(tmp_path / "run")
    with pytest.raises(StoreError, match=says):
        pretrain(store, run, replace(CONFIG, **changes))
    assert not run.path.exists()


def test_pretraining_learns_to_predict_masked_tokens(store, tmp_path):
    config = replace(
        CONFIG,
        loop=LoopConfig(steps=150, checkpoint_every=1000),
        batch_size=16,
        exclude="validation/*",
        optimizer=replace(ADAMW, lr=1e-2),
    )
    run = Run(tmp_path / "run")
    pretrain(store, run, config)
    report = evaluate_pretraining(run, store, only="validation/*", device=CPU)
    assert report["videos"] == 16
    assert report["masked_token_accuracy"] > 3 * report["most_frequent_token_accuracy"]


def test_finetuning_learns_a_class_that_is_only_in_the_motion(store, tmp_path):
    run = Run(tmp_path / "run")
    finetune(store, run, TUNING, init=None)
    report = evaluate_classifier(run, store, EvaluationConfig(clips=3))
    assert report["videos"] == 16
    assert report["chance"] == 0.5
    assert report["top1"] == 1.0
    assert report["class_accuracy"] == {"down": 1.0, "up": 1.0}


def test_finetuning_starts_from_the_pretrained_backbone(store, tmp_path, undisturbed):
    config = replace(TUNING, loop=LoopConfig(steps=1), optimizer=replace(ADAMW, lr=1e-12))
    run = Run(tmp_path / "run")
    finetune(store, run, config, init=undisturbed)
    before, after = weights(undisturbed), weights(run)
    shared = [name for name in after if name.startswith("backbone.")]
    assert len(shared) > 10
    for name in shared:
        torch.testing.assert_close(after[name], before[name], atol=1e-6, rtol=1e-5)
    assert after["head.linear.weight"].abs().max() < 1e-6


def test_a_pretraining_run_is_no_classifier(undisturbed):
    with pytest.raises(TrainingError, match="fine-tune it first"):
        load_classifier(undisturbed)


def test_tokens_of_another_tokenizer_are_refused(make_store, undisturbed):
    other = make_store(KEYS_OF_ONE, fingerprint="0" * 64)
    with pytest.raises(TrainingError, match="same tokenizer"):
        pretrained_shape(undisturbed, other)
    with pytest.raises(TrainingError, match="codes differ"):
        evaluate_pretraining(undisturbed, other, device=CPU)


KEYS_OF_ONE = ["train/up/0"]


def test_one_short_video_is_enough_to_train(make_store, tmp_path):
    tiny = make_store(KEYS_OF_ONE, frames=2)
    run = Run(tmp_path / "run")
    pretrain(tiny, run, replace(CONFIG, batch_size=1))
    last = json.loads((run.path / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["contrastive_loss"] == 0
    assert last["token_loss"] > 0


def test_the_rate_warms_up_and_decays_to_zero():
    config = replace(ADAMW, warmup_share=0.1)
    rates = [learning_rate(config, step, 100) for step in range(100)]
    assert rates[9] == rates[10] == max(rates) == config.lr
    assert rates[0] == pytest.approx(config.lr / 10)
    assert rates[99] == pytest.approx(config.lr / 90)
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))


def test_biases_and_norms_are_not_decayed():
    from vimpac.trainer import PretrainModel

    model = PretrainModel(MODEL)
    decayed, undecayed = make_optimizer(model, ADAMW).param_groups
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    free = {names[id(parameter)] for parameter in undecayed["params"]}
    assert undecayed["weight_decay"] == 0
    assert decayed["weight_decay"] == ADAMW.weight_decay
    assert "backbone.input_norm.weight" in free
    assert "token_head.bias" in free
    assert not any("embedding" in name or "tables" in name for name in free)
    assert len(decayed["params"]) + len(undecayed["params"]) == len(names)


def test_resume_refuses_other_videos(make_store, tmp_path):
    run = Run(tmp_path / "run")
    pretrain(make_store(["a", "b"]), run, replace(CONFIG, batch_size=2))
    shutil.rmtree(tmp_path / "other")
    other = make_store(["a", "c"])
    with pytest.raises(TrainingError, match=r"tokens\.logical_hash"):
        pretrain(other, run, replace(CONFIG, batch_size=2), resume=True)
