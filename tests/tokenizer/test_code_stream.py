"""A video in pieces has the codes of the video whole."""

import pytest
import torch
from vimpac.tokenizer import Tokenizer, TokenizerError, load_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_tokenizer()


@pytest.mark.parametrize("pieces", [(7,), (1, 6), (3, 0, 4), (1,) * 7])
def test_pieces_change_nothing(tokenizer: Tokenizer, pieces: tuple[int, ...]) -> None:
    frames = torch.randint(
        256, (7, 3, 32, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    stream = tokenizer.stream()
    codes = [stream.push(piece) for piece in frames.split(list(pieces))]
    assert torch.equal(torch.cat([*codes, stream.end()]), tokenizer.encode(frames))


def test_bad_frames_and_tolerances_are_one_line(tokenizer: Tokenizer) -> None:
    with pytest.raises(TokenizerError, match=r"^frames [^\n]*$"):
        tokenizer.stream().push(torch.zeros(1, 3, 33, 32, dtype=torch.uint8))
    with pytest.raises(TokenizerError, match=r"^steady must be 0 or more, not -1$"):
        tokenizer.stream(-1)


def test_precision_is_told_and_changes_few_codes() -> None:
    exact, fast = load_tokenizer(), load_tokenizer(precision="bf16")
    assert (exact.precision, fast.precision) == ("fp32", "bf16")
    assert exact.fingerprint == fast.fingerprint
    frames = torch.randint(
        256, (1, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    smooth = torch.nn.functional.interpolate(frames.float(), size=256, mode="bicubic")
    smooth = smooth.clamp(0, 255).byte()
    differing = (exact.encode(smooth) != fast.encode(smooth)).float().mean()
    assert 0 < differing < 0.3
    with pytest.raises(TokenizerError, match=r"^precision must be one of fp32, bf16, not 'int4'$"):
        load_tokenizer(precision="int4")
