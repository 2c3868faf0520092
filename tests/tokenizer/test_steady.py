"""Steady tokens: the rule by hand, and what it does to frames that only noise tells apart."""

import pytest
import torch
from torch import Tensor
from vimpac.tokenizer import Tokenizer, TokenizerError, load_tokenizer
from vimpac.tokenizer.steady import SteadyStream


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_tokenizer()


def still_video(frames: int = 6, size: int = 64, noise: float = 4.0) -> Tensor:
    """A smooth picture that stands still under fresh noise in every frame."""
    generator = torch.Generator().manual_seed(0)
    coarse = 255 * torch.rand(1, 3, 6, 6, generator=generator)
    picture = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic")
    moved = noise * torch.randn(frames, 3, size, size, generator=generator)
    return (picture + moved).round().clamp(0, 255).to(torch.uint8)


def changed(codes: Tensor) -> float:
    return (codes[1:] != codes[:-1]).double().mean().item()


def test_a_code_is_kept_until_another_is_clearly_nearer(tokenizer: Tokenizer) -> None:
    codebook = torch.tensor([[0.0], [1.0]])
    positions = [0.1, 0.54, 0.56, 0.9, 0.46, 0.44]

    def latents(frames: Tensor) -> Tensor:
        return torch.tensor(positions).view(-1, 1, 1, 1)

    stream = SteadyStream(tokenizer, latents, codebook, steady=0.5)
    # Squared distances to 0 and 1 are in the ratio 1.38 at 0.54 and 1.62 at 0.56.
    assert stream.push(torch.zeros(0)).flatten().tolist() == [0, 0, 1, 1, 1, 0]


def test_noise_changes_fewer_codes_and_the_first_frame_none(tokenizer: Tokenizer) -> None:
    frames = still_video()
    loose, steady = tokenizer.encode(frames), tokenizer.stream(0.5).push(frames)
    assert torch.equal(steady[0], loose[0])
    assert changed(loose) > 0.02
    assert changed(steady) < 0.5 * changed(loose)


def test_pieces_change_nothing_and_videos_share_nothing(tokenizer: Tokenizer) -> None:
    frames = still_video()
    whole = tokenizer.stream(0.5).push(frames)
    stream = tokenizer.stream(0.5)
    pieces = [stream.push(piece) for piece in frames.split([1, 0, 3, 2])]
    assert torch.equal(torch.cat([*pieces, stream.end()]), whole)
    assert torch.equal(tokenizer.stream(0.5).push(frames[3:])[0], tokenizer.encode(frames[3:4])[0])


def test_the_least_tolerance_is_the_nearest_code(tokenizer: Tokenizer) -> None:
    frames = still_video()
    assert torch.equal(tokenizer.stream(1e-9).push(frames), tokenizer.encode(frames))


def test_frames_of_another_size_are_refused(tokenizer: Tokenizer) -> None:
    stream = tokenizer.stream(0.5)
    stream.push(still_video(1, 64))
    with pytest.raises(TokenizerError, match=r"^frames of \(4, 4\) tokens after [^\n]*$"):
        stream.push(still_video(1, 32))
