"""Figures of a tokenizer whose codes and pictures are known by hand."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from vimpac.tokenizer import Tokenizer, TokenizerError, evaluate_tokenizer, load_tokenizer


class Grey(Tokenizer):
    """Tokens of 8 x 8 pixels: one of 16 greys, from the first pixel's red."""

    name, vocabulary, compression = "grey", 16, 8
    device = torch.device("cpu")
    fingerprint = "grey"
    codebook = None

    def save(self, folder: Path) -> Path:
        raise NotImplementedError

    def _encode(self, frames: Tensor) -> Tensor:
        return frames[:, 0, ::8, ::8].long() // 16

    def _decode(self, codes: Tensor) -> Tensor:
        grey = (16 * codes + 8).to(torch.uint8)
        return grey.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, None].expand(-1, 3, -1, -1)


def video() -> Tensor:
    """Two frames of 2 x 2 blocks: one still, one a grey brighter, one across a code, one moved."""
    first = torch.tensor([[40, 40], [47, 40]], dtype=torch.uint8)
    second = torch.tensor([[40, 41], [48, 90]], dtype=torch.uint8)
    blocks = torch.stack([first, second])
    return blocks.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, None].repeat(1, 3, 1, 1)


def test_figures_by_hand() -> None:
    image = torch.full((1, 3, 16, 24), 136, dtype=torch.uint8)
    figures = evaluate_tokenizer(Grey(), [video(), image])
    assert (figures.frames, figures.tokens) == (3, 2 * 4 + 6)
    assert figures.codebook_use == 4 / 16  # codes 2, 3, 5 and 8
    assert figures.unmoving_tokens == 3
    assert figures.static_flicker == pytest.approx(1 / 3)
    # Errors of blocks: 0, 0, 7, 0 in the first frame; 0, 1, 8, 2 in the second; none in the image.
    expected = [10 * torch.log10(torch.tensor(255**2 * 4 / error)).item() for error in (49, 69)]
    assert figures.psnr == pytest.approx((sum(expected) + 100) / 3)
    assert 0.9 < figures.ssim < 1
    assert figures.baselines["mean_colour"].psnr == 100
    assert (figures.static_flicker_steady, figures.psnr_steady) == (None, None)


def test_images_alone_have_no_flicker() -> None:
    figures = evaluate_tokenizer(load_tokenizer(), [torch.zeros(1, 3, 32, 16, dtype=torch.uint8)])
    assert (figures.unmoving_tokens, figures.static_flicker) == (0, None)
    assert figures.codebook_use == pytest.approx(figures.tokens / 8 / 4096, rel=1)
    assert figures.encode_frames_per_second > 0 < figures.decode_frames_per_second


def test_mistakes_are_one_line() -> None:
    frames = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    for clips, steady, words in (
        ([], 0.5, "no frames"),
        ([frames[:0]], 0.5, "no frames"),
        ([frames], 0.0, "steady must be above 0"),
        ([frames.float()], 0.5, "frames must be uint8"),
        ([frames[..., :8]], 0.5, "frames of 16 x 8 pixels"),
    ):
        with pytest.raises(TokenizerError, match=rf"^{words}[^\n]*$"):
            evaluate_tokenizer(Grey(), clips, steady=steady)
