"""Interpolated positional tables against the rule computed by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from vimpac.trainer import ModelConfig, PretrainModel, TrainingError
from vimpac.trainer.model.interpolation import interpolate_positions

BEFORE = ModelConfig(
    vocabulary=12, frames=5, grid=(16, 8), layers=1, width=8, heads=2, mlp_width=8,
    projection_width=8,
)  # fmt: skip
AFTER = replace(BEFORE, frames=10, grid=(32, 12))


def linear(table: np.ndarray, size: int, axis: int) -> np.ndarray:
    """Linear interpolation of one axis whose borders, not whose end points, coincide."""
    table = np.moveaxis(table, axis, 0)
    length = len(table)
    rows = []
    for place in range(size):
        source = min(max((place + 0.5) * length / size - 0.5, 0), length - 1)
        low = int(source)
        share = source - low
        rows.append((1 - share) * table[low] + share * table[min(low + 1, length - 1)])
    return np.moveaxis(np.stack(rows), 0, axis)


AXES = {
    "factorised": [[10], [32], [12]],
    "temporal_spatial": [[10], [32, 12]],
    "full": [[10, 32, 12]],
}


@pytest.mark.parametrize("positions", AXES)
def test_tables_follow_the_rule_and_all_else_is_passed_on(positions):
    before, after = (replace(config, positions=positions) for config in (BEFORE, AFTER))
    weights = PretrainModel(before).state_dict()
    stretched = interpolate_positions(weights, before, after)
    PretrainModel(after).load_state_dict(stretched)
    assert stretched.keys() == weights.keys()
    for table, sizes in enumerate(AXES[positions]):
        name = f"backbone.positions.tables.{table}"
        wanted = weights[name].double().numpy()
        for axis, size in enumerate(sizes):
            wanted = linear(wanted, size, axis)
        np.testing.assert_allclose(stretched[name].numpy(), wanted, atol=1e-6)
    for name, weight in weights.items():
        if "tables" not in name:
            assert stretched[name] is weight


def test_an_unchanged_shape_changes_no_bit_and_moments_stay_positive():
    weights = PretrainModel(BEFORE).state_dict()
    same = interpolate_positions(weights, BEFORE, BEFORE)
    assert all(same[name] is weight for name, weight in weights.items())
    name = "backbone.positions.tables.0"
    moments = {name: torch.rand(5, 8) * 1e-9}
    assert (interpolate_positions(moments, BEFORE, AFTER)[name] >= 0).all()


def test_weights_do_not_depend_on_the_dropout():
    weights = PretrainModel(BEFORE).state_dict()
    same = interpolate_positions(weights, BEFORE, replace(BEFORE, dropout=0.3))
    assert all(same[name] is weight for name, weight in weights.items())


def test_another_form_is_refused():
    with pytest.raises(TrainingError, match="frames and grid"):
        interpolate_positions({}, BEFORE, replace(AFTER, width=16))
