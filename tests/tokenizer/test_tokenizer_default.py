"""The weights that ship, held to figures on photographs and video they were never trained on."""

import importlib.util
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import pytest
import torch
from vimpac.tokenizer import Tokenizer, TokenizerFigures, evaluate_tokenizer, load_tokenizer

MOST_BYTES = 10_000_000


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """`benchmarks/tokenizer_quality.py`, whose held-out sets these are."""
    path = Path(__file__).parents[2] / "benchmarks" / "tokenizer_quality.py"
    spec = importlib.util.spec_from_file_location("tokenizer_quality", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_tokenizer()


@pytest.fixture(scope="module")
def photographs(benchmark: ModuleType, tokenizer: Tokenizer) -> TokenizerFigures:
    """All photographs of scikit-image and scikit-learn, in 128 px tiles."""
    return evaluate_tokenizer(tokenizer, benchmark.photographs())


def test_photographs(photographs: TokenizerFigures) -> None:
    assert photographs.frames == 74
    baselines = {
        name: figures["psnr"] for name, figures in asdict(photographs)["baselines"].items()
    }
    assert photographs.psnr > 26.8
    assert photographs.psnr > baselines["jpeg"] + 1.3
    assert photographs.psnr > baselines["mean_colour"] + 3.0
    assert photographs.ssim > 0.7
    assert photographs.codebook_use > 0.6  # of 4.6 tokens a code


def test_little_noise_changes_few_codes(benchmark: ModuleType, tokenizer: Tokenizer) -> None:
    tiles = torch.cat(benchmark.photographs()[:46])
    noise = torch.randn(tiles.shape, generator=torch.Generator().manual_seed(0))
    noisy = (tiles + noise).round().clamp(0, 255).to(torch.uint8)
    assert (tokenizer.encode(noisy) != tokenizer.encode(tiles)).float().mean() < 0.025


def test_what_stands_still_keeps_its_codes(benchmark: ModuleType, tokenizer: Tokenizer) -> None:
    figures = evaluate_tokenizer(tokenizer, benchmark.still_camera())
    assert figures.unmoving_tokens > 2000
    assert figures.static_flicker is not None
    assert figures.static_flicker < 0.1
    assert figures.static_flicker_steady is not None
    assert figures.static_flicker_steady < 0.02
    assert figures.psnr_steady is not None
    assert figures.psnr_steady > figures.psnr - 0.3


def test_every_file_that_ships_is_small() -> None:
    import vimpac.tokenizer.weights

    folder = Path(vimpac.tokenizer.weights.__path__[0])
    assert (folder / "default.safetensors").stat().st_size < MOST_BYTES
    assert {"README.md", "ATTRIBUTION.md"} <= {file.name for file in folder.iterdir()}
