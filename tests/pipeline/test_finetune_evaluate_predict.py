"""One's own labels, prediction, models in and out: by the real commands."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch
from told_stores import build_store, pretrain
from vimpac.datasets import TokenStore
from vimpac.trainer import Run

PRETRAINED = Path(__file__).parents[1] / "fixtures" / "parity" / "classifier.pt"
STEPS = ["--steps", 30, "--lr", 0.01, "--batch-size", 8]


def one_line(ended) -> str:
    assert ended.code == 2
    (line,) = [line for line in ended.err.splitlines() if line.startswith("vimpac: ")]
    assert "Traceback" not in ended.err
    return line


@pytest.fixture
def own(tmp_path, monkeypatch, vimpac):
    """A store of `clips/0` to `clips/11` in three classes, in the working folder, pre-trained."""
    monkeypatch.chdir(tmp_path)
    labels = {f"clips/{number}": ("run", "jump", "sit down")[number % 3] for number in range(12)}
    build_store(tmp_path / "tokens", labels)
    pretrain(vimpac, "tokens")
    return labels


def test_what_is_missing_is_told_at_once_with_its_place(tmp_path, monkeypatch, vimpac):
    monkeypatch.chdir(tmp_path)
    line = one_line(vimpac("finetune", "--task", "ssv2"))
    assert "no token store at tokens/ssv2 or tokens: make one with `vimpac tokenize" in line
    assert (
        "no label files at annotations/ssv2: put labels.json, train.json and validation.json of "
        "Something-Something V2 there" in line
    )
    assert "no pre-training run below runs/: run `vimpac pretrain` first" in line


def test_a_plain_list_with_class_names(own, tmp_path, vimpac):
    names = ["jump", "run", "sit down"]
    (tmp_path / "names.txt").write_text("\n".join(names))
    for file, numbers in (("train.txt", range(6)), ("held out.txt", range(6, 12))):
        (tmp_path / file).write_text(
            "".join(f"videos/clips/{n}.mp4 {names.index(own[f'clips/{n}'])}\n" for n in numbers)
        )
    words = ["--labels", "train.txt", "--class-names", "names.txt"]
    assert vimpac("finetune", *words, *STEPS).code == 0
    config = json.loads(Path("runs/labels/config.json").read_text())
    assert config["classes"] == names
    assert "no labelled validation video" in one_line(vimpac("evaluate", "runs/labels"))
    ended = vimpac(
        "evaluate", "runs/labels", "--labels", "held out.txt", "--clips", 3, "--json",
        "--predictions", "out/answers.csv",
    )  # fmt: skip
    assert (ended.document["videos"], ended.document["top1"]) == (6, 1)
    assert ended.document["per_class"][2]["class"] == "sit down"
    rows = list(csv.DictReader(Path("out/answers.csv").read_text().splitlines()))
    assert {row["video"]: row["predicted"] for row in rows} == {
        f"clips/{n}": own[f"clips/{n}"] for n in range(6, 12)
    }
    (tmp_path / "wrong.txt").write_text("clips/6.mp4 0\nclips/7.mp4 3\n")
    line = one_line(vimpac("evaluate", "runs/labels", "--labels", "wrong.txt"))
    assert "wrong.txt, line 2: label 3 is out of range: 3 classes" in line


def test_a_csv_file_with_splits_and_the_same_run_again(own, tmp_path, vimpac):
    rows = [f"clips/{n}.webm,{own[f'clips/{n}']},{'val' if n > 7 else 'train'}" for n in range(12)]
    (tmp_path / "own.csv").write_text("\n".join(["path,label,split", *rows, "clips/99,run,train"]))
    options = ["--label-smoothing", 0.1, "--balance-classes", "--layer-decay", 0.75]
    first = vimpac("finetune", "--labels", "own.csv", *STEPS, *options, "--json").document
    assert (first["listed"], first["found"], first["missing"]) == (9, 8, ["clips/99"])
    report = vimpac("evaluate", "runs/labels", "--clips", 2, "--json").document
    assert (report["split"], report["videos"]) == ("validation", 4)
    shown = vimpac("evaluate", "runs/labels", "--clips", 2).out
    assert "mean_class_accuracy" in shown
    line = one_line(vimpac("evaluate", "runs/labels", "--only", "clips/*"))
    assert "does not read --only" in line
    assert "confusion" not in shown
    again = ["finetune", "--config", "runs/labels/config.json", "--out", "runs/again", "--json"]
    assert vimpac(*again).document["last"]["loss"] == first["last"]["loss"]
    assert "leave out --frames" in one_line(vimpac(*again, "--frames", 8))
    build_store(tmp_path / "larger", own, grid=(3, 3))
    assert "same --size" in one_line(vimpac(*again, "--tokens", "larger"))
    configs = [json.loads(Path(f"runs/{n}/config.json").read_text()) for n in ("labels", "again")]
    assert configs[0] == configs[1]
    assert configs[0]["optimizer"]["layer_decay"] == 0.75


def test_a_configuration_runs_again_on_the_tokens_it_was_made_for(own, tmp_path, vimpac):
    """And from a pre-training run on such tokens."""
    rows = [f"clips/{n},{own[f'clips/{n}']}" for n in range(12)]
    (tmp_path / "own.csv").write_text("\n".join(["path,label", *rows]))
    assert vimpac("finetune", "--labels", "own.csv", "--steps", 1, "--batch-size", 2).code == 0
    config = Path("runs/labels/config.json")
    again = ["finetune", "--config", config, "--out", "runs/again"]
    build_store(tmp_path / "other", own, tokenizer="0")
    assert "whose codes differ" in one_line(vimpac(*again, "--tokens", "other"))
    build_store(tmp_path / "faster", own, fps=4.0)
    assert "same --fps" in one_line(vimpac(*again, "--tokens", "faster"))
    assert "is a finetune run" in one_line(vimpac(*again, "--init", "runs/labels"))
    words = ["pretrain", "other", "--preset", "debug", "--steps", 1, "--batch-size", 2]
    assert vimpac(*words, "--out", "runs/other").code == 0
    assert "whose codes differ" in one_line(vimpac(*again, "--init", "runs/other"))
    assert not Path("runs/again").exists()


def test_features_tell_classes_with_nothing_finetuned(own, tmp_path, vimpac):
    rows = [f"clips/{n},{own[f'clips/{n}']},{'val' if n > 7 else 'train'}" for n in range(12)]
    (tmp_path / "own.csv").write_text("\n".join(["path,label,split", *rows]))
    words = ["evaluate", "runs/pretrain", "--labels", "own.csv", "--clips", 2]
    report = vimpac(*words, "--knn", "--linear-probe", "--json").document
    assert report["training_videos"] == 8
    assert report["knn"]["top1"] > report["chance"]
    assert report["linear_probe"]["top1"] > report["chance"]
    assert "--knn or --linear-probe" in one_line(vimpac(*words))
    line = one_line(vimpac("evaluate", "runs/pretrain", "--knn"))
    assert "--task or --labels" in line


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["finetune"], "--task or --labels should say what to learn"),
        (["finetune", "--task", "ssv2", "--labels", "own.csv"], "give one of them"),
        (["finetune", "--official-split", 2], "--official-split needs --task"),
        (["finetune", "--task", "ssv2", "--class-names", "names.txt"], "names its own classes"),
        (["finetune", "--task", "ssv2", "--official-split", 2], "splits 1 to 1, not 2"),
        (["finetune", "--labels", "none.txt"], "no label file at none.txt"),
        (["finetune", "--task", "folder"], "tokenize a folder that holds train/CLASS"),
        (["finetune", "--config", "tokens/vimpac.json"], "not a run's configuration"),
        (["finetune", "--config", "runs/pretrain/config.json"], "of a pretrain run"),
        (["model", "import", "tokens"], "is no exported model"),
        (["model", "import", "tokens", "--heads", 2, "--stride", 5], "read --heads, --stride:"),
        (["model", "import", PRETRAINED, "--class-names", "names.txt"], "it has no classes"),
        (["evaluate", "runs/pretrain", "--split", "train", "--clips", 9], "--split, --clips:"),
        (["evaluate", "runs/pretrain", "--knn", "--task", "folder", "--crops", 1], "--crops:"),
        (
            ["evaluate", "runs/pretrain", "--knn", "--labels", "own.csv", "--clips", 0],
            "at least 1 clip a video, not 0",
        ),
        (
            ["finetune", "--labels", "own.csv", "--stride", 0, "--frames", 0],
            "frames must be at least 1, not 0",
        ),
        (["finetune", "--task", "ssv2", "--official-split", 0], "splits 1 to 1, not 0"),
        (["model", "export", "runs/pretrain", "--out", "model.onnx"], "fine-tune it first"),
        (["model", "export", "runs/pretrain", "--out", "tokens"], "is there already"),
    ],
)
def test_a_mistake_is_one_line(own, vimpac, words, says):
    Path("names.txt").write_text("jump\nrun\n")
    Path("own.csv").write_text("path,label\nclips/0,a\nclips/1,b\n")
    assert says in one_line(vimpac(*words))


def test_another_shape_needs_to_be_asked_for(own, tmp_path, vimpac):
    (tmp_path / "list.csv").write_text("path,label\nclips/0,a\nclips/1,b\n")
    words = ["finetune", "--labels", "list.csv", "--steps", 1]
    assert "--interpolate stretches" in one_line(vimpac(*words, "--frames", 10))
    assert "--interpolate takes them" in one_line(vimpac(*words, "--stride", 2))
    asked = ["--frames", 10, "--stride", 2, "--interpolate"]
    assert vimpac(*words, *asked).code == 0
    model = json.loads(Path("runs/labels/config.json").read_text())["model"]
    assert model["frames"] == 10


def test_models_in_and_out(own, tmp_path, vimpac):
    imported = vimpac("model", "import", PRETRAINED, "--out", "runs/a", "--json").document
    assert (imported["kind"], imported["tokenizer"]) == ("pretrain", None)
    exported = vimpac("model", "export", "runs/a", "--out", "exported", "--json").document
    assert set(exported["files"]) == {"README.md", "config.json", "model.safetensors"}
    assert vimpac("model", "import", "exported", "--out", "runs/b").code == 0
    weights = [next(Path(f"runs/{run}").rglob("model.safetensors")) for run in "ab"]
    same = weights[0].read_bytes() == weights[1].read_bytes()
    assert same
    line = one_line(vimpac("finetune", "--labels", PRETRAINED, "--init", "runs/a"))
    assert "cannot be read" in line
    (tmp_path / "list.csv").write_text("path,label\nclips/0,a\nclips/1,b\n")
    line = one_line(vimpac("finetune", "--labels", "list.csv", "--init", "runs/a"))
    assert "does not say which tokenizer its weights read" in line
    line = one_line(vimpac("pretrain", "tokens", "--init", "runs/a", "--out", "runs/d"))
    assert "does not say which tokenizer its weights read" in line
    words = ["model", "import", PRETRAINED, "--out", "runs/c", "--tokens", "tokens"]
    assert "12 codes, the model 8192" in one_line(vimpac(*words))


def test_pre_training_goes_on_from_an_imported_model(own, vimpac):
    vimpac("model", "export", "runs/pretrain", "--out", "exported")
    vimpac("model", "import", "exported", "--out", "runs/a")
    words = ["pretrain", "tokens", "--epochs", 1, "--batch-size", 2]
    begun = vimpac(*words, "--init", "runs/a", "--out", "runs/b", "--lr", 1e-12, "--json").document
    assert begun["steps"] > 0
    before, after = (Run(Path(f"runs/{name}")).weights() for name in "ab")
    for name in (name for name in before if name.startswith("backbone.")):
        torch.testing.assert_close(after[name], before[name], atol=1e-6, rtol=0)
    line = one_line(vimpac(*words, "--config", "runs/a/config.json", "--out", "runs/c"))
    assert "has no schedule to run again" in line


def test_prediction_agrees_with_tokenizing_and_evaluating(
    classifier, store, clips, tmp_path, vimpac
):
    """Of a real clip, and of one whose views a store of `full` frames crops."""
    for views in ("center", "full"):
        videos = tmp_path / views / "videos"
        for label, clip in (("pan_left", clips[1]), ("pan_right", clips[0])):
            (videos / "train" / label).mkdir(parents=True)
            shutil.copy(clip, videos / "train" / label / "real.mp4")
        tokens, run = tmp_path / views / "tokens", tmp_path / views / "run"
        sizes = ["--size", 32, "--views", views, "--processes", 1]
        assert vimpac("tokenize", videos, "--out", tokens, *sizes).code == 0
        words = ["finetune", "--task", "folder", "--tokens", tokens, "--out", run]
        assert vimpac(*words, "--init", "scratch", "--preset", "debug", "--steps", 3).code == 0
        answers = tmp_path / views / "answers.jsonl"
        words = ["evaluate", run, "--split", "train", "--clips", 3, "--predictions", answers]
        assert vimpac(*words, "--json").document["views"] == (
            ["center"] if views == "center" else ["center", "top_left", "bottom_right"]
        )
        rows = {row["video"]: row for row in map(json.loads, answers.read_text().splitlines())}
        ended = vimpac("predict", run, videos, "--clips", 3, "--json")
        assert len(ended.document["predictions"]) == len(TokenStore.open(tokens)) == 2
        for prediction in ended.document["predictions"]:
            key = Path(prediction["video"]).relative_to(videos).with_suffix("").as_posix()
            best = rows[key]["best"]
            assert [c["class"] for c in prediction["classes"]] == [c["class"] for c in best]
            assert [c["probability"] for c in prediction["classes"]] == pytest.approx(
                [c["probability"] for c in best], abs=1e-6
            )
