"""The model against outputs recorded from the method's public release (tests/fixtures/parity)."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional
from vimpac.trainer import ModelConfig, TrainingError, model_info, read_original
from vimpac.trainer.pretraining.losses import contrastive_loss

FIXTURE = Path(__file__).parents[1] / "fixtures" / "parity"
CONFIG = ModelConfig(
    vocabulary=8192,
    frames=5,
    grid=(8, 8),
    layers=2,
    width=128,
    heads=2,
    mlp_width=512,
    projection_layers=2,
    projection_width=64,
)
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def expected():
    with np.load(FIXTURE / "expected.npz", allow_pickle=False) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays}


@pytest.fixture(scope="module")
def model():
    return read_original(FIXTURE / "classifier.pt").model()


@pytest.fixture(scope="module")
def outputs(model, expected):
    codes = expected["input_codes"].long()
    with torch.no_grad():
        return model.backbone(codes, model.backbone.padding_of(codes))


def assert_close(actual, wanted):
    torch.testing.assert_close(actual, wanted, atol=TOLERANCE, rtol=0)


def test_the_shape_is_read_off_the_weights(model):
    assert model.config == CONFIG


def test_the_fixture_holds_padding_and_masks(expected, model):
    codes = expected["input_codes"].long()
    assert (codes == model.backbone.pad).any()
    assert (codes == model.backbone.mask).any()


def test_cls(outputs, expected):
    assert_close(outputs[1], expected["cls"])


def test_hidden_states_of_the_first_corner(outputs, expected):
    assert_close(outputs[0][:, :, :2, :2], expected["hidden"])


def test_projection(outputs, expected, model):
    with torch.no_grad():
        assert_close(model.contrastive_head(outputs[1]), expected["projection"])


def test_logits_of_the_first_token(outputs, expected, model):
    with torch.no_grad():
        assert_close(model.token_logits(outputs[0][:, 0, 0, 0]), expected["logits_frame0"])


def test_token_loss_over_masked_positions(outputs, expected, model):
    labels = expected["labels"].long()
    masked = labels >= 0
    with torch.no_grad():
        logits = model.token_logits(outputs[0][masked])
    assert_close(functional.cross_entropy(logits, labels[masked]), expected["mlm_loss"])


def test_contrastive_loss_of_the_projections(outputs, expected, model):
    with torch.no_grad():
        first, second = model.contrastive_head(outputs[1]).chunk(2)
    assert_close(contrastive_loss(first, second)[0], expected["nce_loss"])


def test_contrastive_loss_alone(expected):
    first, second = expected["nce_input"].chunk(2)
    assert_close(contrastive_loss(first, second)[0], expected["nce_input_loss"])


@pytest.mark.parametrize(("preset", "millions"), [("small", 29.4), ("base", 119.7)])
def test_parameter_counts_of_the_paper(preset, millions):
    counted = model_info(preset=preset, frames=5, size=128, vocabulary=8192)
    assert round(counted["backbone_parameters"] / 1e6, 1) == millions


@pytest.mark.parametrize(
    ("content", "word"), [(b"not a checkpoint", "release"), (None, "no such file")]
)
def test_a_foreign_file_is_refused_in_one_line(tmp_path, content, word):
    path = tmp_path / "classifier.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TrainingError, match=word) as refusal:
        read_original(path)
    assert "\n" not in str(refusal.value)


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"backbone.cls_param": Hostile()}, tmp_path / "classifier.pt")
    with pytest.raises(TrainingError):
        read_original(tmp_path / "classifier.pt")
    assert not (tmp_path / "ran").exists()
