"""`vimpac pretrain`: forecasts, running a configuration again, options that do not go together."""

import json
from contextlib import nullcontext

import pytest
from told_stores import build_store
from vimpac.trainer import Distributed, Run

SMALL = ("--preset", "debug", "--steps", 3, "--batch-size", 4)


def test_a_dry_run_tells_and_leaves_nothing(vimpac, store, tmp_path):
    out = tmp_path / "run"
    ended = vimpac("pretrain", store, "--out", out, *SMALL, "--dry-run", "--json")
    assert ended.code == 0
    assert ended.document["steps"] == 3
    for name in ("parameters", "flops_a_step", "memory_bytes_a_rank", "mask_share", "tokens"):
        assert ended.document[name] > 0, name
    assert not out.exists()


def test_only_the_rank_that_leads_tells_a_forecast(vimpac, store, monkeypatch):
    def second(device):
        return nullcontext(Distributed(rank=1, world_size=2))

    monkeypatch.setattr("vimpac.pipeline.commands.pretrain.join", second)
    words = ["pretrain", store, "--preset", "debug", "--dry-run", "--json"]
    assert vimpac(*words).out == ""
    assert "a multiple of 2 ranks, not 3" in vimpac(*words, "--batch-size", 3).err


def test_a_configuration_runs_again_to_the_same_bits(vimpac, store, tmp_path):
    first = tmp_path / "first"
    assert vimpac("pretrain", store, "--out", first, *SMALL).code == 0
    config = first / "config.json"
    assert vimpac("pretrain", store, "--out", tmp_path / "again", "--config", config).code == 0
    files = [Run(run).latest / "model.safetensors" for run in (first, tmp_path / "again")]
    same = files[0].read_bytes() == files[1].read_bytes()
    assert same
    words = ("--config", config, "--seed", 5, "--steps", 2, "--mask-blocks", 2)
    assert vimpac("pretrain", store, "--out", tmp_path / "other", *words).code == 0
    before, after = Run(first).config, Run(tmp_path / "other").config
    assert (after["loop"]["seed"], after["loop"]["steps"], after["mask"]["boxes"]) == (5, 2, 2)
    assert after["model"] == before["model"]
    assert after["optimizer"] == before["optimizer"]


def test_a_second_stage_goes_on_with_the_first(vimpac, store, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    assert vimpac("pretrain", store, "--out", first, *SMALL, "--until", 2).code == 0
    ended = vimpac("pretrain", store, "--out", second, "--init", first, "--json")
    assert ended.document["steps"] == 3
    assert Run(second).config["init"] == str(first)


def one_line(ended):
    (line,) = ended.err.strip().splitlines()
    assert line.startswith("vimpac: ")
    assert ended.code == 2
    return line


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "is at step 3 of 3: give a larger --steps"),
        (("--steps", 2), "is at step 3 of 2: give a larger --steps"),
        (("--steps", 5, "--until", 3), "is at step 3 of 3: give a larger --until"),
    ],
)
def test_a_finished_run_is_gone_on_with_by_more_steps(
    vimpac, store, backbone, tmp_path, words, says
):
    out = tmp_path / "run"
    line = one_line(vimpac("pretrain", store, "--out", out, "--init", backbone, *words))
    assert line.endswith(f"{backbone} {says}")
    assert not out.exists()
    ended = vimpac("pretrain", store, "--out", out, "--init", backbone, "--steps", 4, "--json")
    assert ended.document["steps"] == 4


def test_a_second_stage_is_resumed_though_the_first_has_gone_on(vimpac, store, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    words = ("pretrain", store, "--out", first, *SMALL)
    assert vimpac(*words, "--until", 1).code == 0
    again = ("pretrain", store, "--out", second, "--init", first)
    assert vimpac(*again, "--until", 2).code == 0
    assert vimpac(*words, "--resume").code == 0
    assert vimpac(*again, "--resume", "--json").document["steps"] == 3


@pytest.mark.parametrize("base", ["config", "init"])
def test_epochs_beside_a_run_that_decides_them_are_refused(vimpac, store, backbone, tmp_path, base):
    given = backbone / "config.json" if base == "config" else backbone
    out = tmp_path / "run"
    ended = vimpac("pretrain", store, "--out", out, f"--{base}", given, "--epochs", 2)
    assert "decides the length of the run: leave out --epochs" in one_line(ended)
    assert not out.exists()


def test_epochs_and_batch_count_the_videos_that_are_trained_on(vimpac, store):
    words = ["pretrain", store, "--preset", "debug", "--validation", "validation/*"]
    told = vimpac(*words, "--exclude", "unlabelled/*", "--dry-run", "--json").document
    assert (told["videos"], told["batch_size"]) == (8, 8)
    assert told["epochs"] == 10


def test_neighbours_tell_the_classes_of_a_task_with_label_files(vimpac, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    classes = {f"v_{name}_g0{n}_c01": name for name in ("Dive", "Run") for n in range(4)}
    build_store(tmp_path / "tokens", classes)
    words = ["pretrain", "--out", "run", *SMALL, "--knn", "ucf101", "--json"]
    refused = vimpac(*words)
    assert refused.code == 2
    assert "no label files at annotations/ucf101" in refused.err
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "classInd.txt").write_text("1 Dive\n2 Run\n")
    names = [f"{name}/{key}.avi" for key, name in classes.items()]
    (folder / "trainlist01.txt").write_text(
        "".join(f"{name} {1 + name.startswith('Run')}\n" for name in names[::2])
    )
    (folder / "testlist01.txt").write_text("".join(f"{name}\n" for name in names[1::2]))
    ended = vimpac(*words, "--annotations", folder)
    assert 0 <= ended.document["last"]["knn_accuracy"] <= 1
    assert Run(tmp_path / "run").config["knn"]["annotations"] == str(folder)
    assert "needs --knn" in vimpac("pretrain", "--annotations", folder).err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("--validation", "train/*", "--exclude", "[uv]*/*", "--dry-run"),
            "left to train on",
        ),
        (("--preset", "debug", "--init", "runs/x"), "leave out --preset"),
        (("--config", "nowhere.json"), "nowhere.json"),
        (("--mask", "tube"), "mask kind"),
        (("--precision", "fp8"), "fp8"),
        (("--sharding", "zero"), "sharding"),
        (("--norm", "both"), "norm"),
        (("--seed", -1), "seed"),
        (("--batch-size", 0), "--batch-size should be at least 1"),
        (("--batch-size", -1), "--batch-size should be at least 1"),
        (("--device", "meta"), "unknown device"),
        (("--preset", "debug", "--layout", "T|H|W|TH|HW"), "4 are too few"),
    ],
)
def test_mistakes_are_one_line(vimpac, store, tmp_path, words, says):
    ended = vimpac("pretrain", store, "--out", tmp_path / "run", *words)
    assert ended.code == 2
    assert says in ended.err
    assert "Traceback" not in ended.err


def test_a_files_place_is_told_where_it_is_no_configuration(vimpac, store, tmp_path):
    wrong = tmp_path / "config.json"
    wrong.write_text(json.dumps({"kind": "finetune", "tokens": {}}))
    ended = vimpac("pretrain", store, "--out", tmp_path / "run", "--config", wrong)
    assert ended.code == 2
    assert "finetune run" in ended.err
