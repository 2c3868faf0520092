"""Tokenizers of clips: windows, tails, and Cosmos' TorchScript, which only trust runs."""

from pathlib import Path

import pytest
import torch
from seeded_weights import fill_zip, read_fixture, seeded_weights
from test_public_tokenizers import write_dalle
from torch import Tensor
from vimpac.tokenizer import Tokenizer, TokenizerError, load_tokenizer
from vimpac.tokenizer.video_tokenizer import VideoTokenizer


class Brightest(VideoTokenizer):
    """Code frame t is the brightest pixel of its frames; it tells how it was called."""

    name, vocabulary, compression, temporal_compression, window = "brightest", 256, 8, 4, 9
    device, fingerprint, codebook = torch.device("cpu"), "0", None

    def __init__(self) -> None:
        self.windows: list[int] = []

    def save(self, folder: Path) -> Path:
        return folder

    def _encode_window(self, frames: Tensor) -> Tensor:
        self.windows.append(len(frames))
        brightest = torch.nn.functional.max_pool2d(frames.amax(1).float(), 8).long()
        groups = brightest[1:].unflatten(0, (-1, 4)).amax(1) if len(frames) > 1 else brightest[:0]
        return torch.cat([brightest[:1], groups])

    def _decode_window(self, codes: Tensor) -> Tensor:
        self.windows.append(len(codes))
        wide = codes.repeat_interleave(8, 1).repeat_interleave(8, 2)
        frames = torch.cat([wide[:1], wide[1:].repeat_interleave(4, 0)])
        return frames[:, None].expand(-1, 3, -1, -1).to(torch.uint8)


def clip(count: int) -> Tensor:
    """Frames `(T, 3, 16, 24)`; frame i is of colour i."""
    return torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 16, 24)


@pytest.mark.parametrize("count", [0, 1, 2, 5, 6, 8, 9, 10, 13, 17, 18, 40])
def test_a_clip_has_a_code_frame_for_every_group(count: int) -> None:
    codes = Brightest().encode(clip(count))
    expected = [0, *(min(4 * t, count - 1) for t in range(1, 1 + -(-(count - 1) // 4)))][:count]
    assert codes.shape == (len(expected), 2, 3)
    assert codes[:, 0, 0].tolist() == expected


def test_windows_share_one_frame_and_are_never_longer() -> None:
    tokenizer = Brightest()
    tokenizer.encode(clip(20))
    assert tokenizer.windows == [9, 9, 5]


@pytest.mark.parametrize("pieces", [(1,) * 23, (9, 9, 5), (3, 0, 20), (23,), (22, 1)])
def test_pieces_change_nothing(pieces: tuple[int, ...]) -> None:
    tokenizer = Brightest()
    stream = tokenizer.stream()
    codes = [stream.push(piece) for piece in clip(23).split(list(pieces))]
    assert torch.equal(torch.cat([*codes, stream.end()]), tokenizer.encode(clip(23)))


def test_a_stream_waits_for_no_more_than_a_window() -> None:
    stream = Brightest().stream()
    counts = [len(stream.push(frame)) for frame in clip(40).split(1)]
    assert sum(counts) == 9
    assert counts[8::8] == [3, 2, 2, 2]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 8])
def test_decoding_joins_its_windows(count: int) -> None:
    tokenizer = Brightest()
    codes = torch.arange(count)[:, None, None].expand(-1, 2, 3)
    frames = tokenizer.decode(codes)
    expected = (
        [0, *(t for t in range(1, count) for _ in range(4))][: 1 + 4 * count] if count else []
    )
    assert frames.shape == (len(expected), 3, 16, 24)
    assert frames[:, 0, 0, 0].tolist() == expected
    assert max(tokenizer.windows, default=0) <= 3


def test_one_video_has_one_size_and_no_steadiness() -> None:
    stream = Brightest().stream()
    stream.push(clip(3))
    with pytest.raises(TokenizerError, match="of one size"):
        stream.push(clip(3)[:, :, :8])
    with pytest.raises(TokenizerError, match="without distances to a codebook"):
        Brightest().stream(0.5)


def write_cosmos(folder: Path, fixture: str) -> Path:
    """`encoder.jit` and `decoder.jit` as TorchScript keeps them."""
    made, recorded = read_fixture(fixture)
    for part in ("encoder", "decoder"):
        weights = seeded_weights(made["shapes"][part])
        content = fill_zip(recorded[part], weights, made["storages"][part])
        (folder / f"{part}.jit").write_bytes(content)
    return folder


@pytest.fixture(params=["cosmos_video", "cosmos_image"])
def cosmos(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    return request.param, write_cosmos(tmp_path, request.param)


def test_cosmos_equals_its_networks_run_without_torchscript(cosmos: tuple[str, Path]) -> None:
    fixture, folder = cosmos
    _, recorded = read_fixture(fixture)
    tokenizer = load_tokenizer(f"cosmos:{folder}", trust=True)
    frames, codes, pixels = (recorded[name] for name in ("frames", "codes", "pixels"))
    if fixture == "cosmos_video":
        assert (tokenizer.temporal_compression, tokenizer.compression) == (4, 8)
        frames, codes = frames[0].transpose(0, 1), codes[0]
        pixels = pixels[0].transpose(0, 1)
    else:
        assert (tokenizer.temporal_compression, tokenizer.compression) == (1, 8)
        assert torch.equal(tokenizer.encode(frames[1:]), codes[1:])
    assert tokenizer.vocabulary == 64_000
    assert torch.equal(tokenizer.encode(frames), codes)
    decoded = tokenizer.decode(codes).float() / 255
    torch.testing.assert_close(decoded, pixels, atol=0.5 / 255 + 1e-4, rtol=0)


def test_cosmos_windows_and_files(tmp_path: Path) -> None:
    folder = write_cosmos(tmp_path, "cosmos_video")
    tokenizer = load_tokenizer(f"cosmos:{folder / 'encoder.jit'}", trust=True)
    frames = read_fixture("cosmos_video")[1]["frames"][0].transpose(0, 1)
    long = torch.cat([frames, frames.flip(0), frames, frames])[:31]
    codes = tokenizer.encode(long)
    assert codes.shape == (9, 4, 6)
    assert torch.equal(codes[:5], tokenizer.encode(long[:17]))
    assert torch.equal(codes[5:], tokenizer.encode(long[16:])[1:])
    assert tokenizer.decode(codes).shape == (33, 3, 32, 48)
    saved = tokenizer.save(tmp_path / "saved")
    again = load_tokenizer(saved.parent, trust=True)
    assert again.fingerprint == tokenizer.fingerprint
    assert torch.equal(again.encode(frames), codes[:3])
    with pytest.raises(TokenizerError, match="say so with --trust"):
        load_tokenizer(saved)


def test_cosmos_in_bfloat16(tmp_path: Path) -> None:
    folder = write_cosmos(tmp_path, "cosmos_image")
    frames = read_fixture("cosmos_image")[1]["frames"]
    exact, fast = (
        load_tokenizer(f"cosmos:{folder}", precision=precision, trust=True)
        for precision in ("fp32", "bf16")
    )
    assert fast.precision == "bf16"
    assert (fast.encode(frames) != exact.encode(frames)).float().mean() < 0.9
    assert fast.decode(exact.encode(frames)).dtype == torch.uint8


def refused(spec: str, *, trust: bool = True) -> str:
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(spec, trust=trust)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_torchscript_is_not_run_without_trust(tmp_path: Path) -> None:
    folder = write_cosmos(tmp_path, "cosmos_image")
    assert "--trust" in refused(f"cosmos:{folder}", trust=False)
    for kind in ("dalle", "flava", "vqgan"):
        assert "TorchScript" in refused(f"{kind}:{folder / 'encoder.jit'}")


def test_what_is_no_cosmos_tokenizer_is_one_line(tmp_path: Path) -> None:
    folder = write_cosmos(tmp_path, "cosmos_image")
    encoder, decoder = folder / "encoder.jit", folder / "decoder.jit"
    assert "no such file" in refused(f"cosmos:{tmp_path / 'none'}")
    assert "the encoder fails" in refused(f"cosmos:{decoder}")
    decoder.unlink()
    codes = torch.zeros(1, 4, 4, dtype=torch.int64)
    tokenizer: Tokenizer = load_tokenizer(f"cosmos:{folder}", trust=True)
    with pytest.raises(TokenizerError, match=r"no decoder\.jit"):
        tokenizer.decode(codes)
    whole = encoder.read_bytes()
    for length in (0, 100, len(whole) // 2, len(whole) - 1):
        encoder.write_bytes(whole[:length])
        assert "not a whole TorchScript file" in refused(f"cosmos:{encoder}")
    assert "TorchScript" in refused(f"cosmos:{write_dalle(tmp_path) / 'encoder.pkl'}")
