"""Figures by hand."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from vimpac.tokenizer.baselines import at_bits, mean_colour
from vimpac.tokenizer.metrics import (
    codebook_use,
    mean_psnr,
    mean_ssim,
    perplexity,
    psnr,
    unmoving_tokens,
)


def test_psnr() -> None:
    black, grey = torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.full((2, 3, 8, 8), 10).byte()
    assert psnr(black, grey) == pytest.approx(20 * math.log10(25.5))
    assert psnr(black, black) == math.inf
    mixed = torch.stack([torch.full((3, 8, 8), 1), torch.full((3, 8, 8), 10)]).byte()
    assert mean_psnr(black, mixed) == pytest.approx(10 * math.log10(255**2 / 10))


def test_perplexity_and_use() -> None:
    assert perplexity(torch.tensor([[0, 1], [2, 3]]), 8) == pytest.approx(4)
    assert perplexity(torch.zeros(5, dtype=torch.int64), 8) == pytest.approx(1)
    assert codebook_use(torch.tensor([8.0, 8.0, 0.1, 0.0])) == 0.5


def textured(count: int, size: int) -> torch.Tensor:
    """Smooth random frames."""
    torch.manual_seed(0)
    coarse = torch.rand(count, 3, 9, 9) * 255
    return torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear").byte()


def test_ssim_is_the_published_one() -> None:
    frames = textured(2, 40)
    other = (frames.float() + 20 * torch.randn(frames.shape)).clamp(0, 255).byte()
    expected = np.mean(
        [
            structural_similarity(
                a.numpy(),
                b.numpy(),
                channel_axis=0,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
                data_range=255,
            )
            for a, b in zip(frames, other, strict=True)
        ]
    )
    assert mean_ssim(frames, other) == pytest.approx(expected, abs=1e-6)
    assert mean_ssim(frames, frames) == pytest.approx(1)


def test_unmoving_tokens() -> None:
    frames = torch.full((3, 3, 8, 16), 50, dtype=torch.uint8)
    frames[1, :, :, 8:] += 1  # a grey level: still
    frames[2, :, :, 8:] += 4  # three more: not
    assert unmoving_tokens(frames, 8).tolist() == [[[True, True]], [[True, False]]]


def test_mean_colour() -> None:
    frames = torch.zeros(1, 3, 8, 16, dtype=torch.uint8)
    frames[:, 0, :4, :8] = 100
    blocks = mean_colour(frames)
    assert blocks[0, 0, :, :8].unique().tolist() == [50]
    assert not blocks[0, :, :, 8:].any()


@pytest.mark.parametrize("image_format", ["JPEG", "WEBP"])
def test_image_formats_get_better_with_bits(image_format: str) -> None:
    frames = textured(2, 64).split(1)
    few, many = (at_bits(frames, 2 * bits, image_format) for bits in (1500, 12_000))
    assert few[0].shape == frames[0].shape
    assert psnr(frames[0], few[0]) + 3 < psnr(frames[0], many[0])
