"""Files: a tokenizer survives saving, and what is not one is refused in one line."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from vimpac.tokenizer import TokenizerError, VQVAEConfig, load_tokenizer
from vimpac.tokenizer.interface import fingerprint_of
from vimpac.tokenizer.vqvae import FILE_NAME, VQVAE, VQVAETokenizer
from vimpac.tokenizer.weights_file import read_weights, write_weights

SMALL = VQVAEConfig(
    vocabulary=32,
    latent_channels=4,
    encoder_channels=(8, 8),
    encoder_blocks=(1, 1),
    decoder_channels=(8, 8),
    decoder_blocks=(1, 1),
)


@pytest.fixture
def tokenizer() -> VQVAETokenizer:
    torch.manual_seed(0)
    model = VQVAE(SMALL)
    model.codebook.normal_()
    return VQVAETokenizer(model, SMALL, name="small")


def test_saved_and_loaded_it_is_the_same(tokenizer: VQVAETokenizer, tmp_path: Path) -> None:
    file = tokenizer.save(tmp_path / "tokenizer")
    assert file == tmp_path / "tokenizer" / FILE_NAME
    frames = torch.randint(256, (3, 3, 32, 32), dtype=torch.uint8)
    for spec in (file, file.parent, str(file)):
        loaded = load_tokenizer(spec)
        assert (loaded.name, loaded.fingerprint) == ("small", tokenizer.fingerprint)
        assert torch.equal(loaded.encode(frames), tokenizer.encode(frames))
    assert [entry.name for entry in file.parent.iterdir()] == [FILE_NAME]


def test_the_default_survives_too(tmp_path: Path) -> None:
    default = load_tokenizer()
    default.save(tmp_path)
    assert (
        load_tokenizer(tmp_path).fingerprint == default.fingerprint == load_tokenizer().fingerprint
    )


def test_every_weight_is_in_the_fingerprint(tokenizer: VQVAETokenizer, tmp_path: Path) -> None:
    file = tokenizer.save(tmp_path)
    header, weights = read_weights(file)
    for name, weight in weights.items():
        changed = weight.clone()
        changed.view(-1)[-1] += 1e-3
        write_weights(file, header, {**weights, name: changed})
        assert load_tokenizer(file).fingerprint != tokenizer.fingerprint, name


def test_config_name_type_and_shape_are_in_the_fingerprint() -> None:
    weights = {"a": torch.zeros(2, 3), "b": torch.ones(4)}
    variants = [
        fingerprint_of({"x": 1}, weights),
        fingerprint_of({"x": 2}, weights),
        fingerprint_of({"x": 1}, {"c": weights["a"], "b": weights["b"]}),
        fingerprint_of({"x": 1}, {**weights, "a": torch.zeros(3, 2)}),
        fingerprint_of({"x": 1}, {**weights, "a": torch.zeros(2, 3, dtype=torch.int32)}),
    ]
    assert len(set(variants)) == len(variants)


def refused(spec: Path) -> str:
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(spec)
    message = str(caught.value)
    assert "\n" not in message
    assert str(spec) in message
    return message


def test_missing(tmp_path: Path) -> None:
    assert "no such tokenizer" in refused(tmp_path / "none.safetensors")
    assert FILE_NAME in refused(tmp_path)


def test_truncated_at_any_length(tokenizer: VQVAETokenizer, tmp_path: Path) -> None:
    file = tokenizer.save(tmp_path)
    whole = file.read_bytes()
    for length in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        assert "not a whole safetensors file" in refused(file)


def test_foreign_files(tokenizer: VQVAETokenizer, tmp_path: Path) -> None:
    file = tokenizer.save(tmp_path)
    header, weights = read_weights(file)
    save_file({"weight": torch.zeros(3)}, file)
    assert "not a vimpac tokenizer" in refused(file)
    write_weights(file, {**header, "kind": "other"}, weights)
    assert "not a tokenizer this version" in refused(file)
    write_weights(file, {**header, "config": {**header["config"], "extra": 1}}, weights)
    assert "configuration" in refused(file)
    write_weights(file, {**header, "config": {**header["config"], "vocabulary": 1 << 40}}, weights)
    assert "vocabulary" in refused(file)
    write_weights(file, {**header, "config": {**header["config"], "vocabulary": 64}}, weights)
    assert "'codebook' does not fit" in refused(file)
    del weights["codebook"]
    write_weights(file, header, weights)
    assert "'codebook' does not fit" in refused(file)
    file.write_text(json.dumps(header))
    assert "not a whole safetensors file" in refused(file)


@pytest.mark.parametrize(
    "wrong", [{"encoder_channels": [8]}, {"decoder_blocks": 1}, {"vocabulary": 32.5}, {"extra": 1}]
)
def test_sizes_that_cannot_be_built_are_refused(
    tokenizer: VQVAETokenizer, tmp_path: Path, wrong: dict[str, object]
) -> None:
    file = tokenizer.save(tmp_path)
    header, weights = read_weights(file)
    write_weights(file, {**header, "config": {**header["config"], **wrong}}, weights)
    with pytest.raises(TokenizerError, match="its configuration cannot be used"):
        load_tokenizer(file)


def test_weights_are_plain_float32(tokenizer: VQVAETokenizer, tmp_path: Path) -> None:
    weights = load_file(tokenizer.save(tmp_path))
    assert {weight.dtype for weight in weights.values()} == {torch.float32}
