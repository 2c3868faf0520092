"""Figures by hand."""

import math

import pytest
import torch
from vimpac.tokenizer.metrics import (
    codebook_use,
    jpeg_at_bits,
    mean_colour,
    mean_psnr,
    perplexity,
    psnr,
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


def test_mean_colour() -> None:
    frames = torch.zeros(1, 3, 8, 16, dtype=torch.uint8)
    frames[:, 0, :4, :8] = 100
    blocks = mean_colour(frames)
    assert blocks[0, 0, :, :8].unique().tolist() == [50]
    assert not blocks[0, :, :, 8:].any()


def test_jpeg_gets_better_with_bits() -> None:
    torch.manual_seed(0)
    coarse = torch.rand(2, 3, 9, 9) * 255
    frames = torch.nn.functional.interpolate(coarse, size=(64, 64), mode="bilinear").byte()
    few, many = jpeg_at_bits(frames, 2 * 1500), jpeg_at_bits(frames, 2 * 12_000)
    assert few.shape == frames.shape
    assert psnr(frames, few) + 3 < psnr(frames, many)
