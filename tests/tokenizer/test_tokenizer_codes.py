"""What every store relies on: a frame's codes depend on that frame, and near pixels, alone."""

import pytest
import torch
from torch import Tensor
from vimpac.tokenizer import Tokenizer, TokenizerError, load_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_tokenizer()


def pictures(count: int, size: int = 64, seed: int = 0) -> Tensor:
    """Smooth random frames with a little texture, unlike one another."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 5, 5, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic")
    texture = 0.05 * torch.randn(count, 3, size, size, generator=generator)
    return (255 * (smooth + texture)).clamp(0, 255).to(torch.uint8)


def test_shapes_and_types(tokenizer: Tokenizer) -> None:
    frames = pictures(2)[:, :, :, :48]
    codes = tokenizer.encode(frames)
    assert (codes.shape, codes.dtype) == ((2, 8, 6), torch.int64)
    assert 0 <= int(codes.min()) <= int(codes.max()) < tokenizer.vocabulary == 4096
    decoded = tokenizer.decode(codes)
    assert (decoded.shape, decoded.dtype) == (frames.shape, torch.uint8)
    assert tokenizer.codebook is not None
    assert tokenizer.codebook.shape[0] == 4096
    assert tokenizer.compression == 8


def test_no_frames_give_no_codes(tokenizer: Tokenizer) -> None:
    codes = tokenizer.encode(torch.zeros(0, 3, 64, 64, dtype=torch.uint8))
    assert codes.shape == (0, 8, 8)
    assert tokenizer.decode(codes).shape == (0, 3, 64, 64)


@pytest.mark.parametrize("size", [64, 128])
def test_codes_do_not_depend_on_the_batch(tokenizer: Tokenizer, size: int) -> None:
    frames = pictures(64, size)
    whole = tokenizer.encode(frames)
    for batch_size in (1, 3):
        parts = [tokenizer.encode(part) for part in frames.split(batch_size)]
        assert torch.equal(torch.cat(parts), whole)


def test_codes_do_not_depend_on_neighbours_or_layout(tokenizer: Tokenizer) -> None:
    frames, others = pictures(8), pictures(8, seed=1)
    alone = tokenizer.encode(frames[5:6])
    others[3] = frames[5]
    assert torch.equal(tokenizer.encode(others)[3:4], alone)
    strided = frames.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    assert torch.equal(tokenizer.encode(strided)[5:6], alone)


def test_codes_do_not_depend_on_threads(tokenizer: Tokenizer) -> None:
    frames = pictures(4, 128)
    alone = tokenizer.encode(frames)
    torch.set_num_threads(2)
    try:
        assert torch.equal(tokenizer.encode(frames), alone)
    finally:
        torch.set_num_threads(1)


def test_pictures_do_not_depend_on_the_batch(tokenizer: Tokenizer) -> None:
    codes = tokenizer.encode(pictures(7))
    parts = [tokenizer.decode(part) for part in codes.split(3)]
    assert torch.equal(torch.cat(parts), tokenizer.decode(codes))


def test_far_pixels_change_no_token(tokenizer: Tokenizer) -> None:
    frame, other = pictures(1, 128), pictures(1, 128, seed=1)
    mixed = frame.clone()
    mixed[:, :, :, 64:] = other[:, :, :, 64:]
    changed = (tokenizer.encode(mixed) != tokenizer.encode(frame))[0].any(dim=0)
    assert changed[8:].all(), "the other half must change its tokens"
    assert not changed[:4].any(), "tokens 32 pixels away must not change"


def test_content_moved_by_whole_tokens_moves_its_codes(tokenizer: Tokenizer) -> None:
    canvas = pictures(1, 128)
    here = tokenizer.encode(canvas[:, :, :64, :64])
    there = tokenizer.encode(canvas[:, :, :64, 8:72])
    inner = (here[:, :, 4:6] == there[:, :, 3:5]).float().mean()
    assert inner == 1.0
    assert (here[:, :, 1:] == there[:, :, :-1]).float().mean() > 0.7


def test_bad_frames_and_codes_are_named_in_one_line(tokenizer: Tokenizer) -> None:
    frames = pictures(1)
    bad_frames = [frames.float(), frames[0], frames[:, :2], frames[:, :, :60], frames[:, :, :0]]
    for bad in bad_frames:
        with pytest.raises(TokenizerError, match=r"^[^\n]*frames[^\n]*$"):
            tokenizer.encode(bad)
    codes = tokenizer.encode(frames)
    for bad in [codes.float(), codes[0], codes + 4096, codes - 5000]:
        with pytest.raises(TokenizerError, match=r"^[^\n]*codes[^\n]*$"):
            tokenizer.decode(bad)


def test_codes_can_be_trained_on(tokenizer: Tokenizer) -> None:
    codes = tokenizer.encode(pictures(1))
    embedding = torch.nn.Embedding(tokenizer.vocabulary, 2)
    embedding(codes).sum().backward()
    assert embedding.weight.grad is not None


def test_an_unknown_device_is_named_in_one_line() -> None:
    with pytest.raises(TokenizerError, match=r"^device 'abacus' [^\n]*$"):
        load_tokenizer(device="abacus")
