"""What fine-tuning starts from and how it learns: shapes, rates, and its options."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from counting_stores import KEYS, build
from safetensors.torch import load_file
from test_interpolation import linear
from vimpac.datasets import LabelSource
from vimpac.trainer import (
    FinetuneConfig,
    LoopConfig,
    ModelConfig,
    OptimizerConfig,
    PretrainConfig,
    PretrainModel,
    Run,
    TrainingError,
    choose_stride,
    finetune,
    model_config,
    pretrain,
    pretrained_shape,
    task_recipe,
)
from vimpac.trainer.classification.finetuning import class_weights, classification_objective
from vimpac.trainer.classification.starting import nearest_stride
from vimpac.trainer.loop.optimizer import make_optimizer

ADAMW = OptimizerConfig(lr=3e-3, weight_decay=0.05, betas=(0.9, 0.98))
MODEL = ModelConfig(
    vocabulary=12, frames=5, grid=(16, 16), layers=2, width=16, heads=2, mlp_width=16,
    projection_width=8,
)  # fmt: skip
CONFIG = FinetuneConfig(
    labels=LabelSource(task="motion"),
    classes=("down", "up"),
    init=None,
    model=replace(MODEL, grid=(2, 3)),
    optimizer=ADAMW,
    loop=LoopConfig(steps=4, checkpoint_every=2),
    batch_size=4,
)


def weights(run: Run) -> dict[str, torch.Tensor]:
    return load_file(run.latest / "model.safetensors")


@pytest.fixture(scope="module")
def small_store(tmp_path_factory):
    """Of 128 px, 2 frames a second."""
    return build(tmp_path_factory.mktemp("small") / "tokens", KEYS[:2], grid=(16, 16))


@pytest.fixture(scope="module")
def large_store(tmp_path_factory):
    """Of 256 px, 4 frames a second."""
    keys = ["train/up/0", "train/down/0"]
    return build(tmp_path_factory.mktemp("large") / "tokens", keys, grid=(32, 32), fps=4, frames=12)


@pytest.fixture(scope="module")
def init(small_store, tmp_path_factory):
    """Pre-trained on 5 frames of 128 px."""
    run = Run(tmp_path_factory.mktemp("runs") / "pretrain")
    config = PretrainConfig(model=MODEL, optimizer=ADAMW, loop=LoopConfig(steps=1), batch_size=1)
    pretrain(small_store, run, config)
    return run


def test_ten_frames_of_256_px_start_from_the_interpolated_weights(init, large_store, tmp_path):
    shape = pretrained_shape(init, large_store, frames=10, interpolate=True)
    assert (shape.frames, shape.grid) == (10, (32, 32))
    config = replace(
        CONFIG, model=shape, loop=LoopConfig(steps=1), optimizer=replace(ADAMW, lr=1e-12)
    )
    finetune(large_store, Run(tmp_path / "run"), config, init=init)
    before, after = weights(init), weights(Run(tmp_path / "run"))
    for axis, size in enumerate((10, 32, 32)):
        name = f"backbone.positions.tables.{axis}"
        wanted = linear(before.pop(name).double().numpy(), size, 0)
        np.testing.assert_allclose(after[name].numpy(), wanted, atol=1e-7)
    for name, weight in before.items():
        if name.startswith("backbone."):
            torch.testing.assert_close(after[name], weight, atol=1e-9, rtol=0)


def test_clips_of_another_shape_are_refused_unless_asked_for(init, small_store, large_store):
    with pytest.raises(
        TrainingError, match=r"5 frames of 16 x 16 .* 5 frames of 32 x 32 .*--inter"
    ):
        pretrained_shape(init, large_store)
    with pytest.raises(TrainingError, match=r"5 frames of 16 x 16 .* 8 frames of 16 x 16"):
        pretrained_shape(init, small_store, frames=8)
    with pytest.raises(TrainingError, match="frames must be at least 1, not 0"):
        pretrained_shape(init, small_store, frames=0)
    assert pretrained_shape(init, small_store) == MODEL


@pytest.mark.parametrize(
    ("stored", "wanted", "stride"), [(10, 4, 3), (18, 4, 5), (5, 2, 3), (8, 4, 2), (2, 4, 1)]
)
def test_the_nearest_stride_is_nearest_in_frames_a_second(stored, wanted, stride):
    assert nearest_stride(stored, wanted) == stride


def test_a_stride_gives_the_recipes_rate_or_that_of_pretraining(init, small_store, large_store):
    assert choose_stride(large_store, init, recipe_fps=None) == 2
    assert choose_stride(large_store, init, recipe_fps=4) == 1
    assert choose_stride(small_store, init, recipe_fps=4) == 1  # which has no more
    assert choose_stride(large_store, init, recipe_fps=2.6) == 2  # the nearest there is
    assert choose_stride(large_store, None, recipe_fps=None) == 1
    assert choose_stride(large_store, None, recipe_fps=2) == 2
    with pytest.raises(
        TrainingError, match=r"2 frames a second, these clips have 1 \(4 stored, ev"
    ):
        choose_stride(large_store, init, recipe_fps=None, asked=4)
    assert choose_stride(large_store, init, recipe_fps=None, asked=4, interpolate=True) == 4
    with pytest.raises(TrainingError, match="stride must be at least 1, not 0"):
        choose_stride(large_store, init, recipe_fps=None, asked=0)


@pytest.mark.parametrize(
    ("task", "epochs", "fps", "crops"),
    [
        ("ssv2", 22, 4, 1),
        ("diving48", 50, 4, 1),
        ("ucf101", 50, 2, 3),
        ("hmdb51", 50, 4, 3),
        ("kinetics400", 30, 2, 3),
        ("folder", 50, None, 3),
    ],
)
def test_the_papers_table(task, epochs, fps, crops):
    recipe = task_recipe(task, model_config("small", 8192))
    assert (recipe.epochs, recipe.fps, recipe.crops) == (epochs, fps, crops)
    assert recipe.batch_size == 128
    assert recipe.optimizer == OptimizerConfig(
        lr=1e-4, weight_decay=0.01, betas=(0.9, 0.999), warmup_share=0.1
    )
    assert task_recipe(task, model_config("large", 8192)).optimizer.lr == 5e-5


def test_a_frozen_backbone_stays_to_the_bit_and_drops_nothing(store, tmp_path):
    config = replace(CONFIG, freeze_backbone=True)
    one = replace(config, loop=LoopConfig(steps=1))
    finetune(store, Run(tmp_path / "one"), one, init=None)
    finetune(store, Run(tmp_path / "four"), config, init=None)
    first, last = weights(Run(tmp_path / "one")), weights(Run(tmp_path / "four"))
    assert not torch.equal(first["head.linear.weight"], last["head.linear.weight"])
    for name in first:
        if name.startswith("backbone."):
            assert torch.equal(first[name], last[name]), name


@pytest.mark.parametrize(
    "options",
    [
        {"freeze_backbone": True},
        {"optimizer": replace(ADAMW, layer_decay=0.5), "label_smoothing": 0.1},
        {"balance_classes": True, "classifier_dropout": 0.5},
    ],
    ids=lambda options: ", ".join(options),
)
def test_every_option_resumes_to_the_same_bits(store, tmp_path, options):
    class Killed(Exception):
        pass

    def kill(report):
        if report.step == 3:
            raise Killed

    config = replace(CONFIG, loop=replace(CONFIG.loop, log_every=1), **options)
    finetune(store, Run(tmp_path / "whole"), config, init=None)
    with pytest.raises(Killed):
        finetune(store, Run(tmp_path / "cut"), config, init=None, on_report=kill)
    finetune(store, Run(tmp_path / "cut"), config, init=None, resume=True)
    whole, cut = weights(Run(tmp_path / "whole")), weights(Run(tmp_path / "cut"))
    assert all(torch.equal(cut[name], weight) for name, weight in whole.items())


def test_rates_decay_from_layer_to_layer():
    model = PretrainModel(MODEL)
    optimizer = make_optimizer(model, replace(ADAMW, layer_decay=0.5))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    scales = {
        names[id(parameter)]: group["lr_scale"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert len(scales) == len(names)
    assert scales["token_head.bias"] == 1
    assert scales["backbone.layers.1.expand.weight"] == 0.5
    assert scales["backbone.layers.0.norm.bias"] == 0.25
    for name in ("backbone.embedding.weight", "backbone.positions.tables.1", "backbone.cls"):
        assert scales[name] == 0.125


def test_a_layers_rate_is_what_moves_it(store, tmp_path):
    slow = replace(ADAMW, layer_decay=1e-6)
    finetune(store, Run(tmp_path / "run"), replace(CONFIG, optimizer=slow), init=None)
    finetune(
        store,
        Run(tmp_path / "still"),
        replace(CONFIG, optimizer=replace(ADAMW, lr=1e-12)),
        init=None,
    )
    moved, still = weights(Run(tmp_path / "run")), weights(Run(tmp_path / "still"))
    name = "backbone.layers.0.expand.weight"
    torch.testing.assert_close(moved[name], still[name], atol=1e-6, rtol=0)
    assert moved["head.linear.weight"].abs().max() > 1e-3


def test_balanced_classes_weigh_alike(make_store):
    store = make_store([*(f"train/up/{n}" for n in range(6)), "train/down/0", "train/down/1"])
    split = LabelSource(task="motion").join(store.keys, "train", ("down", "left", "up"))
    np.testing.assert_allclose(class_weights(split), [2, 0, 2 / 3])


def test_the_objective_is_the_cross_entropy_written_out():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 3, generator=generator)
    labels = torch.tensor([0, 2, 1, 1, 0])
    class_weight = torch.tensor([0.5, 1.0, 2.0])
    parts = [(logits[:3], labels[:3]), (logits[3:], labels[3:])]
    losses = classification_objective(
        torch.nn.Identity(), parts, weights=class_weight, smoothing=0.1
    )
    likely = -logits.log_softmax(1)
    own = likely[range(5), labels] * class_weight[labels]
    wanted = (0.9 * own + 0.1 * (likely * class_weight).mean(1)).mean()
    torch.testing.assert_close(sum(loss for loss, _ in losses), wanted)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"label_smoothing": 1.0}, "label_smoothing"),
        ({"classifier_dropout": -0.1}, "classifier_dropout"),
        ({"classes": ("up",)}, "two classes"),
        ({"stride": 0}, "stride"),
    ],
)
def test_values_out_of_range_are_refused(change, says):
    with pytest.raises(TrainingError, match=says):
        replace(CONFIG, **change)
    with pytest.raises(TrainingError, match="layer decay"):
        replace(ADAMW, layer_decay=1.5)


def test_a_configuration_is_read_back_as_it_was():
    config = replace(CONFIG, views=("center", "large_center"), balance_classes=True)
    assert FinetuneConfig.from_dict(config.to_dict()) == config
    with pytest.raises(TrainingError, match="not understood"):
        FinetuneConfig.from_dict({**config.to_dict(), "colour": "red"})


def test_relabelled_videos_are_not_trained_on_with_resume(tmp_path, store):
    listed = tmp_path / "list.txt"
    listed.write_text("train/up/0.mp4 0\ntrain/down/0.mp4 1\n")
    config = replace(
        CONFIG, labels=LabelSource(task="labels", annotations=str(listed)), classes=("0", "1")
    )
    finetune(store, Run(tmp_path / "run"), config, init=None)
    moved = tmp_path / "moved.txt"
    listed.rename(moved)
    config = replace(config, labels=LabelSource(task="labels", annotations=str(moved)))
    finetune(store, Run(tmp_path / "run"), config, init=None, resume=True)
    moved.write_text("train/up/0.mp4 1\ntrain/down/0.mp4 0\n")
    with pytest.raises(TrainingError, match=r"training_videos\.sha256"):
        finetune(store, Run(tmp_path / "run"), config, init=None, resume=True)
