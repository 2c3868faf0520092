"""Training: it learns, it repeats itself, and a kill at any step changes nothing."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from vimpac.tokenizer import (
    TokenizerError,
    TokenizerTrainingConfig,
    TrainingStep,
    VQVAEConfig,
    load_tokenizer,
    read_images,
    train_tokenizer,
)
from vimpac.tokenizer.images import RGBImage
from vimpac.tokenizer.training.growth import start_from
from vimpac.tokenizer.vqvae import VQVAE, VQVAETokenizer, load_vqvae

SAVED = "a.safetensors"
MODEL = VQVAEConfig(
    latent_channels=4,
    encoder_channels=(16, 16),
    encoder_blocks=(1, 1),
    decoder_channels=(16, 16),
    decoder_blocks=(1, 1),
)


def config(**changes: object) -> TokenizerTrainingConfig:
    fields: dict[str, object] = {
        "steps": 24,
        "vocabulary": 32,
        "batch_size": 4,
        "crop": 32,
        "sides": (32, 64),
        "unquantised_steps": 10,
        "checkpoint_every": 5,
        "learning_rate": 5e-3,
        "model": MODEL,
    }
    return TokenizerTrainingConfig(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def images() -> list[RGBImage]:
    """Smooth pictures of different sizes, one smaller than a crop."""
    random = np.random.default_rng(0)
    sizes = [(48, 64), (80, 40), (24, 30), (64, 64)]
    coarse = [Image.fromarray(random.integers(256, size=(4, 4, 3), dtype=np.uint8)) for _ in sizes]
    return [np.asarray(image.resize(size)) for image, size in zip(coarse, sizes, strict=True)]


def test_training_lowers_the_loss_and_uses_codes(images: list[RGBImage], tmp_path: Path) -> None:
    steps: list[TrainingStep] = []
    settings = config(steps=120)
    out = train_tokenizer(images, tmp_path / SAVED, config=settings, on_step=steps.append)
    assert [step.step for step in steps] == list(range(1, 121))
    first, last = steps[:4], steps[-4:]
    assert sum(step.psnr for step in last) > sum(step.psnr for step in first) + 4 * 1.5
    assert all(step.perplexity == 0 for step in steps[:10])
    assert all(step.perplexity > 4 for step in last)
    assert load_tokenizer(out).vocabulary == 32
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.jsonl", "a.png", SAVED]


def test_the_seed_decides_the_weights(images: list[RGBImage], tmp_path: Path) -> None:
    def fingerprint(name: str, seed: int) -> str:
        torch.rand(3)  # the global generator must not matter
        out = train_tokenizer(images, tmp_path / name, config=config(seed=seed))
        return load_tokenizer(out).fingerprint

    assert fingerprint("a", 0) == fingerprint("b", 0) != fingerprint("c", 1)


class Killed(Exception):
    """Stands for kill -9: nothing of ours runs after it."""


def kill_at(step: int) -> Callable[[TrainingStep], None]:
    def on_step(report: TrainingStep) -> None:
        if report.step == step:
            raise Killed

    return on_step


def interrupted(images: list[RGBImage], folder: Path) -> Path:
    """The output of a training killed at step 6, with its checkpoint of step 5 beside it."""
    out = folder / "a.safetensors"
    with pytest.raises(Killed):
        train_tokenizer(images, out, config=config(), on_step=kill_at(6))
    return out


def test_killed_twice_and_resumed_it_is_the_same(images: list[RGBImage], tmp_path: Path) -> None:
    whole = train_tokenizer(images, tmp_path / "whole.safetensors", config=config())
    out = tmp_path / "killed.safetensors"
    for step in (7, 18):  # before and after the codebook begins; neither is a checkpoint's step
        with pytest.raises(Killed):
            train_tokenizer(images, out, config=config(resume=True), on_step=kill_at(step))
    seen: list[TrainingStep] = []
    train_tokenizer(images, out, config=config(resume=True), on_step=seen.append)
    assert seen[0].step == 16
    assert load_tokenizer(out).fingerprint == load_tokenizer(whole).fingerprint


def test_a_killed_training_leaves_each_line_and_a_picture_once(
    images: list[RGBImage], tmp_path: Path
) -> None:
    settings = {"steps": 120, "checkpoint_every": 40}
    out = tmp_path / SAVED
    with pytest.raises(Killed):
        train_tokenizer(images, out, config=config(**settings), on_step=kill_at(110))
    train_tokenizer(images, out, config=config(resume=True, **settings))
    lines = list(map(json.loads, (tmp_path / "a.jsonl").read_text().splitlines()))
    assert [line["step"] for line in lines] == [50, 100, 120]
    assert all(0 < line["codebook_use"] <= 1 < line["perplexity"] for line in lines)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (4 * 32, 2 * 32)
        crops, decoded = np.split(np.asarray(picture, dtype=float), 2)
    assert 1 < np.abs(crops - decoded).mean() < 0.95 * np.abs(crops - crops.mean()).mean()


def test_pairs_of_frames_are_trained_on(images: list[RGBImage], tmp_path: Path) -> None:
    pairs = [np.stack([image, image[::-1]]) for image in images]
    out = train_tokenizer([*images, *pairs], tmp_path / SAVED, config=config())
    alone = train_tokenizer([*images, *images], tmp_path / "b.safetensors", config=config())
    assert load_tokenizer(out).fingerprint != load_tokenizer(alone).fingerprint


def test_an_interrupted_run_is_not_begun_anew_unasked(
    images: list[RGBImage], tmp_path: Path
) -> None:
    out = interrupted(images, tmp_path)
    left = (tmp_path / "a.safetensors.checkpoint").read_bytes()
    with pytest.raises(TokenizerError, match="--resume"):
        train_tokenizer(images, out, config=config())
    assert (tmp_path / "a.safetensors.checkpoint").read_bytes() == left


def test_a_line_cut_short_does_not_stop_what_resumes(
    images: list[RGBImage], tmp_path: Path
) -> None:
    out = interrupted(images, tmp_path)
    (tmp_path / "a.jsonl").write_text('{"step": 2}\n{"step": 5, "lo')
    train_tokenizer(images, out, config=config(resume=True))
    steps = [json.loads(line)["step"] for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert steps == [2, config().steps]


def test_a_checkpoint_of_another_run_is_refused(images: list[RGBImage], tmp_path: Path) -> None:
    out = interrupted(images, tmp_path)
    with pytest.raises(TokenizerError, match="another configuration"):
        train_tokenizer(images, out, config=config(resume=True, seed=3))
    with pytest.raises(TokenizerError, match="other images"):
        train_tokenizer(images[:2], out, config=config(resume=True))
    with pytest.raises(TokenizerError, match="not a tokenizer"):
        load_tokenizer(tmp_path / "a.safetensors.checkpoint")


def test_a_folder_to_write_is_refused_before_training(
    images: list[RGBImage], tmp_path: Path
) -> None:
    with pytest.raises(TokenizerError, match="is a folder"):
        train_tokenizer(images, tmp_path, config=config(), on_step=kill_at(1))


def test_bad_settings_are_refused() -> None:
    for wrong in (
        {"steps": 0},
        {"seed": -1},
        {"seed": 1 << 32},
        {"crop": 20},
        {"vocabulary": 1},
        {"vocabulary": 65_537},
        {"sides": (64, 32)},
        {"unquantised_steps": 24},
        {"batch_size": 0},
        {"first_pull": 0.0},
        {"first_pull": 1.5},
    ):
        with pytest.raises(TokenizerError, match=next(iter(wrong))):
            config(**wrong)


def test_bad_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="no images"):
        train_tokenizer([], tmp_path / "a", config=config())
    with pytest.raises(TokenizerError, match=r"image 0 must be uint8"):
        train_tokenizer([np.zeros((8, 8), np.uint8)], tmp_path / "a", config=config())


def test_a_loss_that_is_not_finite_stops(images: list[RGBImage], tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="not finite"):
        train_tokenizer(images, tmp_path / "a", config=config(learning_rate=1e20))
    assert not (tmp_path / "a").exists()


def test_reading_images(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    Image.new("L", (40, 20), 7).save(tmp_path / "deep" / "b.png")
    Image.new("RGBA", (200, 100), (9, 8, 7, 255)).save(tmp_path / "deep" / "a.WEBP", lossless=True)
    (tmp_path / "deep" / "notes.txt").write_text("not an image")
    read = read_images([tmp_path, tmp_path / "deep" / "b.png"], shorter_side=50)
    assert [image.shape for image in read] == [(50, 100, 3), (20, 40, 3), (20, 40, 3)]
    assert read[0][0, 0].tolist() == [9, 8, 7]
    (tmp_path / "bad.png").write_bytes((tmp_path / "deep" / "b.png").read_bytes()[:40])
    with pytest.raises(TokenizerError, match=r"bad\.png: not a whole image"):
        read_images([tmp_path])
    with pytest.raises(TokenizerError, match="no such file"):
        read_images([tmp_path / "none"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(TokenizerError, match="no images in this folder"):
        read_images([tmp_path / "empty"])


def test_it_begins_from_a_tokenizer(images: list[RGBImage], tmp_path: Path) -> None:
    first = load_vqvae(train_tokenizer(images, tmp_path / SAVED, config=config(steps=60)))
    steps: list[TrainingStep] = []
    settings = config(steps=2, unquantised_steps=0, learning_rate=1e-6)
    out = tmp_path / "b.safetensors"
    train_tokenizer(images, out, config=settings, start=first, on_step=steps.append)
    pictures = torch.from_numpy(images[3].copy()).permute(2, 0, 1)[None]
    again = load_tokenizer(out)
    assert again.fingerprint != first.fingerprint
    assert (again.encode(pictures) == first.encode(pictures)).float().mean() > 0.8
    assert all(step.perplexity > 0 for step in steps)  # no step without codes


def test_a_wider_network_begins_as_the_narrow_one() -> None:
    torch.manual_seed(0)
    narrow, wide = (replace(MODEL, decoder_channels=sizes) for sizes in ((16, 16), (24, 20)))
    tokenizer = VQVAETokenizer(jolted(VQVAE(narrow)), narrow)
    model = VQVAE(wide)
    start_from(model, tokenizer)
    latents = torch.randn(2, 4, 3, 5)
    expected = tokenizer._model.pixels(latents)
    torch.testing.assert_close(model.pixels(latents), expected, atol=1e-5, rtol=1e-5)
    model.pixels(latents).square().mean().backward()
    grown = model.get_parameter("decoder.2.weight").grad
    assert grown is not None
    assert grown[:, 16:].abs().max() > 0  # what reads from new channels learns to


def jolted(model: VQVAE) -> VQVAE:
    """Random weights everywhere: fresh residual blocks are the identity."""
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ({"decoder_channels": (16, 8)}, "as wide or wider"),
        ({"decoder_blocks": (2, 1)}, "blocks must be as many"),
        ({"vocabulary": 64}, r"its codebook is \(4096, 4\), that to train \(64, 4\)"),
        ({"vocabulary": 8192}, r"its codebook is \(4096, 4\), that to train \(8192, 4\)"),
    ],
)
def test_a_network_that_does_not_fit_is_refused(sizes: dict[str, Any], told: str) -> None:
    tokenizer = VQVAETokenizer(VQVAE(MODEL), MODEL)
    with pytest.raises(TokenizerError, match=told):
        start_from(VQVAE(replace(MODEL, **sizes)), tokenizer)


def test_the_pulls_grow(images: list[RGBImage], tmp_path: Path) -> None:
    """Weak at first, they add less to the first quantised losses than full ones."""

    def losses(first_pull: float) -> list[float]:
        steps: list[TrainingStep] = []
        settings = config(first_pull=first_pull, unquantised_steps=1)
        train_tokenizer(images, tmp_path / SAVED, config=settings, on_step=steps.append)
        return [step.loss for step in steps]

    grown, full = losses(0.125), losses(1.0)
    assert grown[0] == full[0]
    assert grown[1] < full[1]


def test_a_run_begun_from_a_tokenizer_resumes(images: list[RGBImage], tmp_path: Path) -> None:
    first = load_vqvae(train_tokenizer(images, tmp_path / SAVED, config=config()))
    whole = train_tokenizer(images, tmp_path / "whole.safetensors", config=config(), start=first)
    out = tmp_path / "killed.safetensors"
    with pytest.raises(Killed):
        train_tokenizer(images, out, config=config(), start=first, on_step=kill_at(7))
    with pytest.raises(TokenizerError, match="another configuration"):
        train_tokenizer(images, out, config=config(resume=True))
    train_tokenizer(images, out, config=config(resume=True), start=first)
    assert load_tokenizer(out).fingerprint == load_tokenizer(whole).fingerprint
