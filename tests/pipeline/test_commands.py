"""The commands one after another on real mp4 files, and what each prints."""

import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from vimpac.datasets import TokenStore
from vimpac.pipeline import Predictor, VideoReader
from vimpac.pipeline.video import center_crop
from vimpac.tokenizer import load_tokenizer
from vimpac.trainer import EvaluationConfig, Run, evaluate_classifier


def test_tokens_of_a_video_are_the_codes_of_its_centre_crops(store, motion_set):
    opened = TokenStore.open(store)
    tokenizer = load_tokenizer(opened.tokenizer_folder)
    key = "train/pan_left/000000"
    frames = np.concatenate(
        [
            center_crop(batch, 32)
            for batch in VideoReader(motion_set / f"{key}.mp4", fps=2, size=32).frames()
        ]
    )
    codes = tokenizer.encode(torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous())
    np.testing.assert_array_equal(opened.read(key), codes.numpy())


def test_a_store_explains_itself(store, vimpac):
    shown = vimpac("tokens", "info", store, "--json").document
    assert shown["videos"] == 14
    assert shown["tokens"] == shown["frames"] * 16
    assert shown["vocabulary"] == 4096
    assert shown["tokenizer"]["fingerprint"] == load_tokenizer().fingerprint
    assert vimpac("tokens", "verify", store, "--json").document == {"ok": True, "problems": []}


def test_a_store_shows_its_videos(store, motion_set, tmp_path, vimpac):
    key, out = "train/pan_left/000000", tmp_path / "tokens.png"
    shown = vimpac("tokens", "preview", store, "--video", key, "--out", out, "--json").document
    assert shown == {"picture": str(out), "videos": [key]}
    first = next(VideoReader(motion_set / f"{key}.mp4", fps=2, size=32).frames())[0]
    drawn = Image.open(out).crop((6, 30, 166, 190)).resize((32, 32), Image.Resampling.BOX)
    assert np.abs(np.asarray(drawn, float) - center_crop(first[None], 32)[0]).mean() < 20
    refused = vimpac("tokens", "preview", store, "--video", "none", "--out", out)
    assert refused.code == 2


def test_a_damaged_store_is_found_out(store, tmp_path, vimpac):
    copy = shutil.copytree(store, tmp_path / "tokens")
    chunk = min((copy / "shards").rglob("center/c.0.0.0"))
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    ended = vimpac("tokens", "verify", copy, "--json")
    assert ended.code == 1
    assert ended.document["problems"][0]["shard"] in str(chunk)


def test_a_damaged_shard_is_dropped_and_made_again(store, motion_set, tmp_path, vimpac):
    copy = shutil.copytree(store, tmp_path / "tokens")
    TokenStore.open(copy)
    whole = bytes_below(copy)
    chunk = min((copy / "shards").rglob("center/c.0.0.0"))
    chunk.write_bytes(chunk.read_bytes()[:-1])
    ended = vimpac("tokens", "verify", copy, "--repair", "--json")
    assert ended.code == 1
    (name,) = ended.document["replanned"]
    assert name in str(chunk)
    again = vimpac("tokenize", motion_set, "--out", copy, "--size", 32, "--json").document
    assert 0 < again["tokenized"] < again["skipped"] < 14
    TokenStore.open(copy)
    assert bytes_below(copy) == whole


def test_a_store_is_converted_there_and_back(store, tmp_path, vimpac):
    tars, back = tmp_path / "tars", tmp_path / "back"
    one = vimpac("tokens", "convert", store, tars, "--format", "webdataset", "--json").document
    two = vimpac("tokens", "convert", tars, back, "--format", "zarr", "--json").document
    assert one["logical_hash"] == two["logical_hash"] == TokenStore.open(store).index.logical_hash
    assert vimpac("tokens", "verify", tars, "--json").document == {"ok": True, "problems": []}
    assert load_tokenizer(tars / "tokenizer").fingerprint == load_tokenizer().fingerprint


@pytest.mark.parametrize("processes", [1, 2])
def test_tokenizing_again_makes_the_same_bytes(store, motion_set, tmp_path, vimpac, processes):
    out = tmp_path / "tokens"
    words = ["tokenize", motion_set, "--out", out, "--size", 32, "--processes", processes]
    first = vimpac(*words, "--json").document
    assert (first["tokenized"], first["skipped"], first["failed"]) == (14, 0, {})
    assert bytes_below(out) == bytes_below(store)
    again = vimpac(*words, "--json").document
    assert (again["tokenized"], again["skipped"]) == (0, 14)


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_pretraining_is_recorded_and_evaluated(backbone, vimpac):
    config = json.loads((backbone / "config.json").read_text())
    assert config["model"]["grid"] == [4, 4]
    assert config["loop"]["steps"] == 3
    report = vimpac("evaluate", backbone, "--only", "validation/*", "--json").document
    assert report["videos"] == 4
    assert 0 <= report["masked_token_accuracy"] <= 1
    assert 0 < report["most_frequent_token_accuracy"] < 1


def test_evaluation_equals_the_python_call(classifier, store, vimpac):
    report = vimpac("evaluate", classifier, "--clips", 2, "--json").document
    opened = TokenStore.open(store)
    assert report == evaluate_classifier(Run(classifier), opened, EvaluationConfig(clips=2))
    assert report["chance"] == 0.5
    assert report["videos"] == 4


def test_prediction_names_classes(classifier, motion_set, vimpac):
    clip = motion_set / "validation" / "pan_left" / "000000.mp4"
    (prediction,) = vimpac("predict", classifier, clip, "--json").document["predictions"]
    assert prediction["video"] == str(clip)
    assert {named["class"] for named in prediction["classes"]} == {"pan_left", "pan_right"}
    assert sum(named["probability"] for named in prediction["classes"]) == pytest.approx(1)
    assert [prediction] == Predictor(classifier).predict([clip])
    assert "pan_left" in vimpac("predict", classifier, clip).out


def test_a_bad_video_beside_a_good_one_is_told(classifier, motion_set, tmp_path, vimpac):
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    clip = motion_set / "train" / "pan_left" / "000000.mp4"
    predictions = vimpac("predict", classifier, bad, clip, "--json").document["predictions"]
    assert {p["video"]: p.get("reason") for p in predictions} == {
        str(bad): "unreadable",
        str(clip): None,
    }


def test_preview_draws_four_rows(backbone, clips, tmp_path, vimpac):
    out = tmp_path / "pictures" / "fill_in.png"
    assert vimpac("preview", backbone, clips[0], clips[1], "--out", out).code == 0
    with Image.open(out) as picture:
        pixels = np.asarray(picture)
    assert pixels.shape[0] > 4 * 160
    assert pixels.shape[1] > 10 * 160
    assert pixels.std() > 20


def test_motion_set_is_gone_on_with(motion_set, vimpac):
    from vimpac.pipeline.demo_media import photographs

    sizes = "--size 32 --fps 4 --train 8 --validation 4 --unlabelled 2 --unlabelled-seconds 3"
    words = ["--photos", photographs(), "--classes", "pan_left,pan_right", *sizes.split()]
    again = vimpac("synth", "motion", motion_set, *words, "--json").document
    assert (again["rendered"], again["kept"]) == (0, 14)


def test_a_tokenizer_can_be_trained_and_used(clips, motion_set, tmp_path, vimpac):
    out = tmp_path / "mine.safetensors"
    sizes = ["--steps", "4", "--vocabulary", "32", "--batch-size", "2", "--crop", "32"]
    assert vimpac("tokenizer", "train", clips[1], "--out", out, *sizes, "--json").code == 0
    shown = vimpac("tokenizer", "info", out, "--json").document
    assert shown["vocabulary"] == 32
    tokens = tmp_path / "tokens"
    words = ["tokenize", motion_set / "validation", "--out", tokens, "--size", 32]
    words += ["--processes", 1, "--tokenizer", out]
    assert vimpac(*words, "--json").document["tokenized"] == 4
    held = TokenStore.open(tokens).identity.tokenizer
    assert held.fingerprint == shown["fingerprint"]


def test_model_info_counts_without_a_store(vimpac):
    words = ["model", "info", "--preset", "small", "--frames", 5, "--size", 128, "--vocab", 8192]
    assert round(vimpac(*words, "--json").document["backbone_parameters"] / 1e6, 1) == 29.4
    joint = vimpac(*words, "--layout", "THW", "--json").document
    assert joint["backbone_parameters"] < 29.4e6
    share = vimpac("model", "info", "--frames", 5, "--size", 128, "--mask-blocks", 8, "--json")
    assert share.document["mask_share"] * 100 == pytest.approx(21.7, abs=0.3)


def test_ctrl_c_is_told(store, vimpac, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(TokenStore, "open", interrupted)
    ended = vimpac("tokens", "info", store)
    assert ended.code == 130
    assert "what is finished stays: repeat the command" in ended.err


def test_version_and_help(vimpac):
    assert vimpac("--version").out.strip() == "0.1.0"
    assert "tokenize" in vimpac("--help").out


def test_tar_shards_are_tokenized_as_their_videos_are(store, motion_set, tmp_path, vimpac):
    clips = sorted((motion_set / "validation").rglob("*.mp4"))
    for number in range(2):
        with tarfile.open(tmp_path / f"{number:05d}.tar", "w") as tar:
            for place, clip in enumerate(clips[number::2]):
                tar.add(clip, f"{number:05d}{place:04d}.mp4")
    out = tmp_path / "tokens"
    shards = tmp_path / "{00000..00001}.tar"
    words = ["tokenize", shards, "--out", out, "--size", 32, "--processes", 1]
    assert vimpac(*words, "--json").document["tokenized"] == len(clips)
    key = clips[1].relative_to(motion_set).with_suffix("").as_posix()
    np.testing.assert_array_equal(
        TokenStore.open(out).read("000010000"), TokenStore.open(store).read(key)
    )
