"""The weights that ship, held to figures on photographs they were never trained on."""

from importlib.metadata import files
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from vimpac.tokenizer import Tokenizer, load_tokenizer
from vimpac.tokenizer.metrics import jpeg_at_bits, mean_colour, mean_psnr, token_bits

PHOTOGRAPHS = ("astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png")
PHOTOGRAPHS += ("coins.png", "grass.png", "gravel.png", "motorcycle_left.png", "rocket.jpg")
FLOOR = 24.7  # dB


def photograph(name: str) -> Image.Image:
    """A sample photograph of scikit-image, its shorter side reduced to 256 pixels."""
    found = next(file for file in files("scikit-image") or [] if file.name == name)
    image = Image.open(Path(str(found.locate()))).convert("RGB")
    scale = 256 / min(image.size)
    size = (round(image.width * scale), round(image.height * scale))
    return image.resize(size, Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def tiles() -> Tensor:
    """Whole 128 px tiles of all photographs `(N, 3, 128, 128)`."""
    found = []
    for image in map(photograph, PHOTOGRAPHS):
        for top in range(0, image.height - 127, 128):
            for left in range(0, image.width - 127, 128):
                found.append(np.asarray(image.crop((left, top, left + 128, top + 128))))
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2).contiguous()


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_tokenizer()


def test_held_out_photographs(tokenizer: Tokenizer, tiles: Tensor) -> None:
    assert len(tiles) == 46
    quality = mean_psnr(tiles, tokenizer.decode(tokenizer.encode(tiles)))
    jpeg = mean_psnr(tiles, jpeg_at_bits(tiles, token_bits(tokenizer, tiles)))
    blocks = mean_psnr(tiles, mean_colour(tiles))
    assert quality > FLOOR
    assert quality > jpeg + 1.0
    assert quality > blocks + 3.0


def test_little_noise_changes_few_codes(tokenizer: Tokenizer, tiles: Tensor) -> None:
    noise = torch.randn(tiles.shape, generator=torch.Generator().manual_seed(0))
    noisy = (tiles + noise).round().clamp(0, 255).to(torch.uint8)
    assert (tokenizer.encode(noisy) != tokenizer.encode(tiles)).float().mean() < 0.05


def test_every_file_that_ships_is_small() -> None:
    import vimpac.tokenizer.weights

    folder = Path(vimpac.tokenizer.weights.__path__[0])
    assert (folder / "default.safetensors").stat().st_size < 10_000_000
    assert {"README.md", "ATTRIBUTION.md"} <= {file.name for file in folder.iterdir()}
