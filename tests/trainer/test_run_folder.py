"""Run folders: what is whole, what was left half-written, what is something else."""

import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from vimpac.trainer import Run, TrainingError
from vimpac.trainer.loop.run_folder import load_weights, remove_leftovers, write_text


def test_leftovers_go_and_all_else_stays(tmp_path):
    (tmp_path / ".writing-a").write_text("half")
    (tmp_path / ".writing-b").mkdir()
    (tmp_path / ".writing-b" / "file").write_text("half")
    write_text(tmp_path / "whole.txt", "视频\n")
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["whole.txt"]
    assert (tmp_path / "whole.txt").read_bytes() == "视频\n".encode()


@pytest.mark.parametrize("config", [{"model_type": "bert"}, {"kind": "chess"}, ["pretrain"]])
def test_another_tools_configuration_is_refused(tmp_path, config):
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(TrainingError, match="is not a run"):
        _ = Run(tmp_path).config


def test_weights_of_another_model_are_refused_in_one_line(tmp_path):
    checkpoint = tmp_path / "checkpoints" / "step-00000001"
    checkpoint.mkdir(parents=True)
    save_file({"weight": torch.zeros(2, 3)}, checkpoint / "model.safetensors")
    with pytest.raises(TrainingError, match="is not of the model") as refusal:
        load_weights(nn.Linear(4, 2, bias=False), Run(tmp_path))
    assert "\n" not in str(refusal.value)
    load_weights(nn.Linear(3, 2, bias=False), Run(tmp_path))
