"""`tokenizer train` and `tokenizer evaluate`, as they are typed."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

SIZES = "--vocabulary 64 --steps 20 --batch-size 2 --crop 16 --sides 16 32 --checkpoint-every 3"
WIDER = "--steps 2 --batch-size 2 --crop 16 --sides 16 32 --decoder-channels 168 100"


@pytest.fixture(scope="module")
def media(tmp_path_factory, clips):
    """A few smooth pictures in a folder, and a video."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for name in "abc":
        coarse = Image.fromarray(random.integers(256, size=(6, 6, 3), dtype=np.uint8))
        coarse.resize((64, 48)).save(folder / f"{name}.png")
    return folder, clips[1]


def training(media, out):
    return ["tokenizer", "train", *media, "--out", out, *SIZES.split(), "--resume"]


def start(words):
    command = [sys.executable, "-m", "vimpac.pipeline.cli", *map(str, words)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)


def kill_after_a_checkpoint(job, checkpoint):
    before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
    end = time.monotonic() + 60
    while not checkpoint.exists() or checkpoint.stat().st_mtime_ns == before:
        assert job.poll() is None, "training ended before it could be killed"
        assert time.monotonic() < end, "no checkpoint came"
        time.sleep(0.005)
    job.send_signal(signal.SIGKILL)
    assert job.wait(10) == -signal.SIGKILL


def test_training_killed_twice_ends_with_the_same_bytes(media, tmp_path, vimpac):
    whole, killed = tmp_path / "whole.safetensors", tmp_path / "killed" / "whole.safetensors"
    checkpoint = killed.with_name("whole.safetensors.checkpoint")
    for _ in range(2):
        kill_after_a_checkpoint(start(training(media, killed)), checkpoint)
    for out in (killed, whole):
        assert vimpac(*training(media, out), "--json").document["steps"] == 20
    same = killed.read_bytes() == whole.read_bytes()
    assert same, "the weights differ"  # without a diff of binary files, which takes minutes
    assert killed.with_suffix(".jsonl").read_bytes() == whole.with_suffix(".jsonl").read_bytes()
    assert sorted(file.name for file in killed.parent.iterdir()) == [
        "whole.jsonl",
        "whole.png",
        "whole.safetensors",
    ]


def test_evaluate_tells_every_figure(media, vimpac):
    words = ["tokenizer", "evaluate", "default", *media, "--size", 64, "--frames", 8]
    figures = vimpac(*words, "--json").document
    assert figures["frames"] == 3 + 8
    assert figures["tokens"] == 3 * 8 * 10 + 8 * 8 * 10  # 64 x 85 px, cut to 80
    for name in ("psnr", "psnr_steady"):
        assert 15 < figures[name] < 50
    assert 0 < figures["ssim"] < 1
    assert 0 < figures["codebook_use"] < 1 < figures["perplexity"] < 4096
    assert 0 <= figures["static_flicker_steady"] <= figures["static_flicker"] < 0.5
    assert figures["unmoving_tokens"] > 20
    assert set(figures["baselines"]) == {"jpeg", "webp", "mean_colour"}
    assert all(10 < baseline["psnr"] < 60 for baseline in figures["baselines"].values())
    assert figures["encode_frames_per_second"] > 1 < figures["decode_frames_per_second"]


def test_evaluate_cuts_tiles(media, vimpac):
    words = ["tokenizer", "evaluate", "default", media[0], "--size", 48, "--tile", 24]
    assert vimpac(*words, "--json").document["frames"] == 3 * 2 * 2
    refused = vimpac("tokenizer", "evaluate", "default", media[0], "--size", 16, "--tile", 24)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "hold no tile of 24" in refused.err


@pytest.mark.parametrize("option", ["--size", "--tile", "--frames", "--fps"])
def test_sizes_must_be_above_zero(media, vimpac, option):
    refused = vimpac("tokenizer", "evaluate", "default", media[0], option, 0)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert f"{option.removeprefix('--')} must be above 0" in refused.err


def test_a_broken_picture_is_told_and_the_others_are_read(media, vimpac, tmp_path):
    shutil.copytree(media[0], tmp_path / "pictures")
    whole = tmp_path / "pictures" / "a.png"
    (tmp_path / "pictures" / "bad.png").write_bytes(whole.read_bytes()[:60])
    words = ["tokenizer", "evaluate", "default", tmp_path / "pictures", "--size", 48]
    ended = vimpac(*words, "--device", "auto", "--json")
    assert ended.document["frames"] == 3
    assert "left out: " in ended.err
    assert "bad.png: not a whole image" in ended.err
    refused = vimpac("tokenizer", "evaluate", "default", tmp_path / "pictures" / "bad.png")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "bad.png: not a whole image" in refused.err


def test_training_begins_from_a_tokenizer(media, tmp_path, vimpac):
    first, out = tmp_path / "first.safetensors", tmp_path / "wider.safetensors"
    vimpac(*training(media, first))
    vimpac("tokenizer", "train", media[0], "--out", out, "--init", first, *WIDER.split())
    document = vimpac("tokenizer", "info", out, "--json").document
    assert document["vocabulary"] == 64
    assert out.stat().st_size > first.stat().st_size
    refused = vimpac(
        "tokenizer", "train", media[0], "--out", out, "--init", first, "--vocabulary", 512
    )
    assert (refused.code, refused.err.count("cannot begin from")) == (2, 1)


def test_what_cannot_be_trained_is_refused(media, tmp_path, vimpac):
    none = vimpac("tokenizer", "train", media[0], "--out", tmp_path / "a", "--vocabulary", 0)
    assert (none.code, none.err.count("vocabulary 0 is not between")) == (2, 1)
    missing = tmp_path / "none.safetensors"
    refused = vimpac("tokenizer", "train", media[0], "--out", tmp_path / "a", "--init", missing)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
