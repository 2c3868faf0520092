"""Each task by the real commands: official label files, fine-tuning, evaluation, on tiny stores."""

import json

import numpy as np
import pytest
from official_files import OFFICIAL
from vimpac.datasets import (
    PlanItem,
    ShardWriter,
    SourceInfo,
    StoreIdentity,
    TokenizerIdentity,
    commit_shard,
    create_store,
    make_plan,
)

FRAMES_A_SECOND = {"ssv2": 16, "diving48": 16, "ucf101": 2, "hmdb51": 16, "kinetics400": 2}
STRIDES = {"ssv2": 4, "diving48": 4, "ucf101": 1, "hmdb51": 4, "kinetics400": 1}
EPOCHS = {"ssv2": 22, "diving48": 50, "ucf101": 50, "hmdb51": 50, "kinetics400": 30}
PAPER = ["center", "top_left", "bottom_right", "center_flip"]
VOCABULARY = 12


def build_store(path, classes, *, fps=2.0, views=("center",), grid=(2, 2), frames=24):
    """Videos by key whose codes tell their class: most of them are the number of the class."""
    identity = StoreIdentity(
        tokenizer=TokenizerIdentity(
            name="toy", fingerprint="f" * 64, vocabulary=VOCABULARY, compression=8
        ),
        fps=fps,
        size=8 * grid[0],
        views=tuple(views),
    )
    names = sorted({label for label in classes.values() if label is not None})
    plan = make_plan([PlanItem(key=key, source=key) for key in classes], 4)
    create_store(path, identity, plan)
    for shard, items in enumerate(plan.shards):
        with ShardWriter(path, shard) as writer:
            for item in items:
                label = classes[item.key]
                rng = np.random.default_rng(list(item.key.encode()))
                codes = rng.integers(0, VOCABULARY, (frames, *grid))
                told = names.index(label) if label is not None else 0
                codes[rng.random(codes.shape) < 0.8] = told
                writer.add(item.key, dict.fromkeys(views, codes), SourceInfo())
            written = writer.finish()
        commit_shard(path, shard, written)
    return path


def pretrain(vimpac, store):
    words = ["pretrain", store, "--preset", "debug", "--steps", 1, "--batch-size", 2]
    assert vimpac(*words).code == 0


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
    words = ["finetune", "--task", task, "--steps", 40, "--lr", 0.01, "--batch-size", 8]
    if task in ("ucf101", "kinetics400"):
        words.append("--json")
    ended = vimpac(*words, *([] if "--json" in words else ["--json"]))
    assert ended.code == 0, ended.err
    listed = sum(split == "train" for split, _ in expected.values())
    assert f"{listed - 1} of {listed} listed train videos found; missing: " in ended.err
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
