"""Each task by the real commands: official label files, fine-tuning, evaluation, on tiny stores."""

import json

import pytest
from official_files import OFFICIAL
from told_stores import build_store, pretrain

FRAMES_A_SECOND = {"ssv2": 16, "diving48": 16, "ucf101": 2, "hmdb51": 16, "kinetics400": 2}
STRIDES = {"ssv2": 4, "diving48": 4, "ucf101": 1, "hmdb51": 4, "kinetics400": 1}
PAPER = ["center", "top_left", "bottom_right", "center_flip"]


@pytest.mark.parametrize("task", OFFICIAL)
def test_a_task_with_nothing_else_given(task, tmp_path, monkeypatch, vimpac):
    monkeypatch.chdir(tmp_path)
    expected = OFFICIAL[task](tmp_path / "annotations" / task)
    labels = {key: label for key, (_, label) in expected.items()}
    lost = next(key for key, (split, _) in expected.items() if split == "train")
    stored = {key: label for key, label in labels.items() if key != lost} | {"unlisted": None}
    fps = FRAMES_A_SECOND[task]
    build_store(tmp_path / "tokens" / task, stored, fps=fps, views=PAPER)
    pretrain(vimpac, "tokens/" + task)
    few = ["--steps", 40, "--lr", 0.01, "--batch-size", 8]
    ended = vimpac("finetune", "--task", task, *few, "--json")
    assert ended.code == 0, ended.err
    listed = sum(split == "train" for split, _ in expected.values())
    assert f"{listed - 1} of {listed} listed train videos found; missing: " in ended.err
    assert f"clips of 5 frames, {fps / STRIDES[task]:g} a second" in ended.err
    document = ended.document
    assert (document["listed"], document["found"]) == (listed, listed - 1)
    assert (tmp_path / "runs" / task / "missing.txt").read_text().split("\n")[:-1] == [lost]
    config = json.loads((tmp_path / "runs" / task / "config.json").read_text())
    assert config["stride"] == STRIDES[task]
    assert config["labels"]["annotations"] == f"annotations/{task}"
    assert config["views"] == (PAPER[:3] if task == "ssv2" else PAPER)
    report = vimpac("evaluate", f"runs/{task}", "--clips", 2, "--json").document
    held_out = {key for key, (split, _) in expected.items() if split == "validation"}
    assert (report["task"], report["split"], report["videos"]) == (
        task, "validation", len(held_out),
    )  # fmt: skip
    assert report["views"] == PAPER[: 1 if task in ("ssv2", "diving48") else 3]
    assert report["top1"] > report["chance"]
