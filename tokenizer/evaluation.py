"""How well a tokenizer keeps frames, how it uses its codes, how steady and how fast it is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .baselines import at_bits, mean_colour
from .interface import Tokenizer, TokenizerError, check_frames
from .metrics import SSIM_WINDOW, mean_psnr, mean_ssim, perplexity, unmoving_tokens


@dataclass(frozen=True, kw_only=True)
class BaselineFigures:
    """What something else makes of the same frames: mean over frames of PSNR, in dB."""

    psnr: float


@dataclass(frozen=True, kw_only=True)
class TokenizerFigures:
    """What `evaluate_tokenizer` measures.

    Attributes:
        frames: Frames looked at.
        tokens: Tokens they became.
        psnr: Mean over frames of PSNR, in dB.
        ssim: Mean over frames of structural similarity.
        codebook_use: Share of the vocabulary that occurs among the tokens. A set of few tokens
            cannot hold all codes: compare `tokens` with the vocabulary.
        perplexity: Exponential of the entropy of the codes' distribution.
        unmoving_tokens: Tokens of videos whose block of pixels differs from that of the frame
            before by a mean of at most one grey level of 255.
        static_flicker: Share of these whose code changed; None where there are none, or a token
            spans several frames.
        steady: The tolerance of steady tokens that the next two figures were taken with.
        static_flicker_steady: Likewise, None also where the tokenizer cannot steady its codes.
        psnr_steady: PSNR with steady tokens.
        encode_frames_per_second: Of encoding alone, after a first frame to warm up.
        decode_frames_per_second: Of decoding alone.
        baselines: What the tokenizer must beat: `jpeg` and `webp`, at the one quality whose image
            data takes the bits of the tokens, log2(V) each; `mean_colour`, each token's block in
            its mean colour, 24 bits.
    """

    frames: int
    tokens: int
    psnr: float
    ssim: float
    codebook_use: float
    perplexity: float
    unmoving_tokens: int
    static_flicker: float | None
    steady: float
    static_flicker_steady: float | None
    psnr_steady: float | None
    encode_frames_per_second: float
    decode_frames_per_second: float
    baselines: dict[str, BaselineFigures]


def evaluate_tokenizer(
    tokenizer: Tokenizer, clips: Sequence[Tensor], *, steady: float = 0.5
) -> TokenizerFigures:
    """Measure a tokenizer.

    Args:
        tokenizer: Any.
        clips: Frames `(T, 3, H, W)` uint8 of each video, one after the other; an image is a clip
            of one frame. Sizes may differ between clips.
        steady: Tolerance to measure steady tokens with (see `Tokenizer.stream`), above 0.

    Raises:
        TokenizerError: There is no clip, or a frame is of another type or shape, or too small.
    """
    _check(clips, tokenizer.compression, steady)
    tokenizer.encode(clips[0][:1])
    codes, encode_seconds = _timed(tokenizer.encode, clips)
    decoded, decode_seconds = _timed(tokenizer.decode, codes)
    unmoving = _unmoving(tokenizer, clips)
    steadied = _steadied(tokenizer, clips, steady)
    every = torch.cat([clip.flatten() for clip in codes])
    frames = sum(map(len, clips))
    return TokenizerFigures(
        frames=frames,
        tokens=len(every),
        psnr=_mean(mean_psnr, clips, decoded),
        ssim=_mean(mean_ssim, clips, decoded),
        codebook_use=len(every.unique()) / tokenizer.vocabulary,
        perplexity=perplexity(every, tokenizer.vocabulary),
        unmoving_tokens=sum(int(tokens.sum()) for tokens in unmoving),
        static_flicker=_flicker(codes, unmoving),
        steady=steady,
        static_flicker_steady=_flicker(steadied, unmoving),
        psnr_steady=_mean(mean_psnr, clips, map(tokenizer.decode, steadied)) if steadied else None,
        encode_frames_per_second=frames / encode_seconds,
        decode_frames_per_second=frames / decode_seconds,
        baselines=_baselines(clips, len(every) * math.log2(tokenizer.vocabulary), tokenizer),
    )


def _check(clips: Sequence[Tensor], compression: int, steady: float) -> None:
    if not steady > 0:
        raise TokenizerError(f"steady must be above 0 to be measured, not {steady}")
    if not sum(map(len, clips)):
        raise TokenizerError("no frames to measure a tokenizer with")
    for clip in clips:
        check_frames(clip, compression)
        if min(clip.shape[2:]) < SSIM_WINDOW:
            size = f"{clip.shape[2]} x {clip.shape[3]}"
            raise TokenizerError(f"frames of {size} pixels: {SSIM_WINDOW} are the least a side")


def _timed(run: Callable[[Tensor], Tensor], items: Sequence[Tensor]) -> tuple[list[Tensor], float]:
    """Results on the CPU, and the seconds they took."""
    start = time.perf_counter()
    results = [run(item).cpu() for item in items]
    return results, time.perf_counter() - start


def _mean(
    figure: Callable[[Tensor, Tensor], float], clips: Sequence[Tensor], other: Iterable[Tensor]
) -> float:
    """Mean over all frames of a figure that is a mean over the frames of a clip.

    Tokens of several frames may decode to more than there were: those are left out.
    """
    pairs = zip(clips, other, strict=True)
    total = sum(figure(clip, shown.cpu()[: len(clip)]) * len(clip) for clip, shown in pairs)
    return total / sum(map(len, clips))


def _unmoving(tokenizer: Tokenizer, clips: Sequence[Tensor]) -> list[Tensor]:
    """Which tokens of each clip stand still; none where a token spans several frames."""
    if tokenizer.temporal_compression > 1:
        return []
    return [unmoving_tokens(clip, tokenizer.compression) for clip in clips]


def _steadied(tokenizer: Tokenizer, clips: Sequence[Tensor], steady: float) -> list[Tensor]:
    """Steady codes of each clip; none where the tokenizer has no codes to keep steady."""
    try:
        streams = [tokenizer.stream(steady) for _ in clips]
    except TokenizerError:
        return []
    return [stream.push(clip).cpu() for stream, clip in zip(streams, clips, strict=True)]


def _flicker(codes: Sequence[Tensor], unmoving: Sequence[Tensor]) -> float | None:
    """Share of unmoving tokens whose code is not that of the frame before."""
    if not codes or not any(tokens.any() for tokens in unmoving):
        return None
    pairs = list(zip(codes, unmoving, strict=True))
    changed = [(clip[1:] != clip[:-1])[still] for clip, still in pairs]
    return torch.cat(changed).double().mean().item()


def _baselines(
    clips: Sequence[Tensor], bits: float, tokenizer: Tokenizer
) -> dict[str, BaselineFigures]:
    frames = [frame for clip in clips for frame in clip.split(1)]
    shown = {
        "jpeg": at_bits(frames, bits, "JPEG"),
        "webp": at_bits(frames, bits, "WEBP"),
        "mean_colour": [mean_colour(frame, tokenizer.compression) for frame in frames],
    }
    return {
        name: BaselineFigures(psnr=_mean(mean_psnr, frames, other)) for name, other in shown.items()
    }
