"""Public tokenizers against what `fixtures/tokenizers` recorded of their public implementations."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from seeded_weights import fill_legacy, fill_zip, read_fixture, seeded_weights
from torch import Tensor
from vimpac.tokenizer import Tokenizer, TokenizerError, load_tokenizer
from vimpac.tokenizer.public.dalle import DalleConfig, DalleModel

FILL = {"zip": fill_zip, "legacy": fill_legacy}


def write_dalle(folder: Path, form: str = "zip") -> Path:
    """`encoder.pkl` and `decoder.pkl` as OpenAI's package pickles them."""
    made, recorded = read_fixture("dalle")
    for part in ("encoder", "decoder"):
        weights = seeded_weights(made["shapes"][part])
        content = FILL[form](
            recorded[f"{part}_{form}"], weights, made["storages"][f"{part}_{form}"]
        )
        (folder / f"{part}.pkl").write_bytes(content)
    return folder


def write_flava(path: Path, prefix: str = "") -> Path:
    """The codebook of FLAVA, alone or within the whole model."""
    weights = seeded_weights(read_fixture("flava")[0]["shapes"])
    weights = {f"{prefix}{name}": weight for name, weight in weights.items()}
    if prefix:
        weights["text_model.embeddings.weight"] = torch.zeros(2, 2)
    save = save_file if path.suffix == ".safetensors" else torch.save
    save(weights, path)
    return path


def write_taming(path: Path, name: str = "vqgan", prefix: str = "") -> Path:
    """A checkpoint of taming-transformers, with the losses and states that such files hold."""
    weights = seeded_weights(read_fixture(name)[0]["shapes"])
    weights = {f"{prefix}{name}": weight for name, weight in weights.items()}
    weights["loss.discriminator.main.0.weight"] = torch.zeros(4, 3, 4, 4)
    checkpoint = {"epoch": 3, "global_step": 7, "state_dict": weights, "lr_schedulers": []}
    torch.save(checkpoint, path)
    return path


def write_diffusers(folder: Path) -> Path:
    """The folder of a diffusers `VQModel`."""
    made, _ = read_fixture("diffusers")
    (folder / "config.json").write_text(json.dumps(made["config"]))
    save_file(seeded_weights(made["shapes"]), folder / "diffusion_pytorch_model.safetensors")
    return folder


Write = Callable[[Path], str]
CASES: dict[str, tuple[str, Write]] = {
    "dalle zip": ("dalle", lambda at: f"dalle:{write_dalle(at)}"),
    "dalle legacy": ("dalle", lambda at: f"dalle:{write_dalle(at, 'legacy')}"),
    "dalle file": ("dalle", lambda at: f"dalle:{write_dalle(at) / 'encoder.pkl'}"),
    "flava folder": ("flava", lambda at: f"flava:{write_flava(at / 'model.safetensors').parent}"),
    "flava bin": ("flava", lambda at: f"flava:{write_flava(at / 'pytorch_model.bin')}"),
    "flava whole": ("flava", lambda at: f"flava:{write_flava(at / 'm.bin', 'image_codebook.')}"),
    "vqgan": ("vqgan", lambda at: f"vqgan:{write_taming(at / 'last.ckpt')}"),
    "gumbel": ("gumbel", lambda at: f"vqgan:{write_taming(at / 'last.ckpt', 'gumbel')}"),
    "latent diffusion": (
        "vqgan",
        lambda at: f"vqgan:{write_taming(at / 'model.ckpt', prefix='first_stage_model.')}",
    ),
    "diffusers": ("diffusers", lambda at: f"vqgan:{write_diffusers(at)}"),
}


@pytest.mark.parametrize("case", CASES)
def test_equals_the_public_implementation(case: str, tmp_path: Path) -> None:
    fixture, write = CASES[case]
    _, recorded = read_fixture(fixture)
    tokenizer = load_tokenizer(write(tmp_path))
    assert torch.equal(tokenizer.encode(recorded["frames"]), recorded["codes"])
    if "pixels" in recorded:
        pixels = tokenizer._model.pixels(recorded["codes"])
        torch.testing.assert_close(pixels, recorded["pixels"], atol=1e-4, rtol=0)
        decoded = tokenizer.decode(recorded["codes"]).float() / 255
        torch.testing.assert_close(decoded, recorded["pixels"], atol=0.5 / 255 + 1e-4, rtol=0)
    else:
        with pytest.raises(TokenizerError, match="an encoder alone"):
            tokenizer.decode(recorded["codes"])


@pytest.fixture(scope="module", params=["dalle zip", "vqgan", "gumbel"])
def tokenizer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Tokenizer:
    return load_tokenizer(CASES[request.param][1](tmp_path_factory.mktemp("public")))


def random_frames(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randint(256, (count, 3, 32, 32), generator=generator).to(torch.uint8)


def test_what_it_says_it_is(tokenizer: Tokenizer) -> None:
    shape = (2, 32 // tokenizer.compression, 32 // tokenizer.compression)
    assert tokenizer.encode(random_frames(2)).shape == shape
    assert tokenizer.vocabulary in (256, 512)
    assert tokenizer.temporal_compression == 1
    if tokenizer.codebook is not None:
        assert len(tokenizer.codebook) == tokenizer.vocabulary


def test_codes_do_not_depend_on_the_batch(tokenizer: Tokenizer) -> None:
    frames = random_frames(7)
    whole = tokenizer.encode(frames)
    for size in (1, 3):
        assert torch.equal(
            torch.cat([tokenizer.encode(part) for part in frames.split(size)]), whole
        )
    assert torch.equal(tokenizer.encode(frames.flip(0)).flip(0), whole)


def test_only_codes_chosen_by_distance_are_kept_steady(tokenizer: Tokenizer) -> None:
    frames = random_frames(1).expand(4, -1, -1, -1)
    noise = torch.randint(-9, 10, frames.shape, generator=torch.Generator().manual_seed(0))
    frames = (frames + noise).clamp(0, 255).to(torch.uint8)
    if tokenizer.codebook is None:
        with pytest.raises(TokenizerError, match="without distances to a codebook"):
            tokenizer.stream(0.5)
        return
    nearest, steady = tokenizer.encode(frames), tokenizer.stream(0.5).push(frames)
    assert torch.equal(steady[0], nearest[0])
    changes = [(codes[1:] != codes[:-1]).sum().item() for codes in (nearest, steady)]
    assert changes[1] < changes[0]
    assert torch.equal(tokenizer.stream(1e-6).push(frames), nearest)


def test_saved_and_loaded_it_is_the_same(tokenizer: Tokenizer, tmp_path: Path) -> None:
    file = tokenizer.save(tmp_path / "tokenizer")
    frames = random_frames(2)
    for spec in (file, file.parent):
        loaded = load_tokenizer(spec)
        assert (loaded.name, loaded.fingerprint) == (tokenizer.name, tokenizer.fingerprint)
        codes = loaded.encode(frames)
        assert torch.equal(codes, tokenizer.encode(frames))
        assert torch.equal(loaded.decode(codes), tokenizer.decode(codes))


def test_every_form_of_one_tokenizer_is_the_same_tokenizer(tmp_path: Path) -> None:
    names = [["dalle zip", "dalle legacy"], ["flava folder", "flava whole"]]
    names.append(["vqgan", "latent diffusion"])
    for first, second in names:
        specs = []
        for name in (first, second):
            folder = tmp_path / name
            folder.mkdir()
            specs.append(CASES[name][1](folder))
        assert load_tokenizer(specs[0]).fingerprint == load_tokenizer(specs[1]).fingerprint


def test_the_decoder_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    write_dalle(tmp_path)
    whole = load_tokenizer(f"dalle:{tmp_path}")
    (tmp_path / "decoder.pkl").unlink()
    assert load_tokenizer(f"dalle:{tmp_path}").fingerprint != whole.fingerprint


def test_bfloat16_changes_few_codes(tokenizer: Tokenizer, tmp_path: Path) -> None:
    fast = load_tokenizer(tokenizer.save(tmp_path), precision="bf16")
    frames = random_frames(4)
    assert fast.precision == "bf16"
    assert fast.fingerprint == tokenizer.fingerprint
    assert (fast.encode(frames) != tokenizer.encode(frames)).float().mean() < 0.3


def test_the_published_size() -> None:
    with torch.device("meta"):
        model = DalleModel(DalleConfig())
    assert model.decoder is not None
    assert sum(weight.numel() for weight in model.encoder.parameters()) == 53_786_240
    assert sum(weight.numel() for weight in model.decoder.parameters()) == 43_829_766
