"""The backbone's layouts, padding and configuration."""

import pytest
import torch
from vimpac.trainer import (
    ALONE,
    ModelConfig,
    PretrainModel,
    TrainingError,
    model_config,
    model_info,
)
from vimpac.trainer.model.attention import AxisAttention
from vimpac.trainer.model.backbone import Backbone
from vimpac.trainer.model.layout import parse_layout

LAYOUTS = ["T,H|W", "T,H,W", "T|H|W", "H|W,T", "T", "T,H", "THW", "T,HW"]


def tiny_config(**changes):
    fields = {"vocabulary": 50, "frames": 4, "grid": (3, 2), "layers": 2, "width": 24}
    return ModelConfig(**{**fields, "heads": 3, "mlp_width": 32, "dropout": 0.0, **changes})


def slow_axis_attention(attention, tokens, cls, padding):
    """One line at a time, one head at a time."""
    batch, frames, height, width, _ = tokens.shape
    places = [(t, i, j) for t in range(frames) for i in range(height) for j in range(width)]
    order = {axis: place for place, axis in enumerate("THW")}
    lines = {}
    for place in places:
        fixed = tuple(place[order[axis]] for axis in "THW" if axis not in attention.axes)
        lines.setdefault(fixed, []).append(place)
    size = attention.query.out_features
    out, cls_out = torch.zeros(*tokens.shape[:4], size), torch.zeros(batch, size)
    for b in range(batch):
        for line in lines.values():
            inputs = torch.stack([cls[b], *(tokens[(b, *place)] for place in line)])
            allowed = torch.tensor([True, *(not padding[(b, *place)] for place in line)])
            heads = []
            for query, key, value in zip(
                *(
                    projection(inputs).chunk(attention.heads, 1)
                    for projection in (attention.query, attention.key, attention.value)
                ),
                strict=True,
            ):
                scores = (query @ key.T / key.shape[1] ** 0.5).masked_fill(~allowed, -torch.inf)
                heads.append(scores.softmax(1) @ value)
            result = torch.cat(heads, 1)
            cls_out[b] += result[0] / len(lines)
            for place, row in zip(line, result[1:], strict=True):
                out[(b, *place)] = row
    return out, cls_out


@pytest.mark.parametrize("axes", ["T", "H", "W", "TH", "TW", "HW", "THW"])
def test_axis_attention_equals_attention_line_by_line(axes):
    torch.manual_seed(0)
    attention = AxisAttention(axes, width=12, heads=2, head_width=4)
    tokens, cls = torch.randn(2, 3, 2, 4, 12), torch.randn(2, 12)
    padding = torch.zeros(2, 3, 2, 4, dtype=torch.bool)
    padding[1, 1:] = True
    with torch.no_grad():
        fast = attention(tokens, cls, padding)
        slow = slow_axis_attention(attention, tokens, cls, padding)
    for actual, wanted in zip(fast, slow, strict=True):
        torch.testing.assert_close(actual, wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("norm", ["post", "pre"])
def test_every_layout_trains(layout, norm):
    torch.manual_seed(0)
    model = PretrainModel(tiny_config(layout=layout, norm=norm, projection_width=16))
    clips = torch.randint(0, 50, (3, 2, 4, 3, 2))
    mask = torch.rand(clips.shape) < 0.3
    places = mask.flatten().nonzero().squeeze(1)
    loss, _, cls = model(clips.flatten(0, 1), None, places, clips.flatten()[places])
    (loss + model.contrast(cls, ALONE)[0]).backward()
    assert all(
        parameter.grad is not None and parameter.grad.isfinite().all()
        for parameter in model.parameters()
    )


@pytest.mark.parametrize("positions", ["factorised", "temporal_spatial", "full"])
def test_positions_tell_every_place_apart(positions):
    torch.manual_seed(0)
    table = Backbone(tiny_config(positions=positions)).positions()
    rows = table.expand(4, 3, 2, -1).reshape(24, -1)
    assert len(torch.unique(rows, dim=0)) == 24


def test_padding_frames_do_not_reach_other_frames():
    torch.manual_seed(0)
    backbone = Backbone(tiny_config()).eval()
    codes = torch.randint(0, 50, (1, 4, 3, 2))
    codes[:, 2:] = backbone.pad
    short, cls = backbone(codes, backbone.padding_of(codes))
    with torch.no_grad():
        backbone.embedding.weight[backbone.pad] += 1
    changed, changed_cls = backbone(codes, backbone.padding_of(codes))
    torch.testing.assert_close(short[:, :2], changed[:, :2])
    assert not torch.equal(short[:, 2:], changed[:, 2:])
    assert cls.shape == changed_cls.shape == (1, 24)


def test_no_padding_costs_no_mask():
    backbone = Backbone(tiny_config())
    assert backbone.padding_of(torch.zeros(1, 4, 3, 2, dtype=torch.long)) is None


@pytest.mark.parametrize("layout", ["", "T,", "X", "T|T|", "TT", "T,,H"])
def test_a_wrong_layout_is_refused(layout):
    with pytest.raises(TrainingError, match="layout"):
        parse_layout(layout)


@pytest.mark.parametrize(
    "changes",
    [
        {"heads": 5},
        {"layers": 0},
        {"dropout": 1.0},
        {"norm": "none"},
        {"positions": "sine"},
        {"grid": (0, 2)},
    ],
)
def test_a_wrong_configuration_is_refused(changes):
    with pytest.raises(TrainingError):
        tiny_config(**changes)


def test_configuration_round_trip():
    config = tiny_config(layout="T,HW", norm="pre")
    assert ModelConfig.from_dict(config.to_dict()) == config
    with pytest.raises(TrainingError):
        ModelConfig.from_dict({**config.to_dict(), "depth": 3})


def test_unknown_preset_is_refused():
    with pytest.raises(TrainingError, match="small"):
        model_config("huge", 8)


def test_large_halves_its_attention():
    config = model_config("large", 8192)
    assert (config.head_width, config.heads) == (32, 16)
    assert model_info(preset="large", frames=5, size=128, vocabulary=8192)["layers"] == 24
