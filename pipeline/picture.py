"""Pictures of what tokens keep and what a model knows: a store's videos; frames, mask, fill-in."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ..datasets import TokenStore, evenly_spaced_starts, mask_token
from ..tokenizer import Tokenizer
from ..trainer import PretrainModel, block_mask
from .errors import PipelineError
from .tokenizing import as_pixels
from .video import VideoError, VideoReader, center_crop

ROWS = ("original", "from its tokens", "masked", "filled in by the model")
GREY = 128
SIDE = 160
"""Shown size of a frame in pixels."""
LABEL, GAP = 24, 6

Frames = NDArray[np.uint8]


def draw_fill_in(
    videos: Sequence[Path],
    model: PretrainModel,
    tokenizer: Tokenizer,
    out: Path,
    *,
    fps: float,
    size: int,
    boxes: int = 5,
) -> Path:
    """Draw the middle clips of videos: a row each of frames, reconstruction, mask and fill-in.

    Args:
        videos: video files.
        model: a pre-trained model in evaluation mode, on the CPU.
        tokenizer: the one its tokens came from.
        out: the PNG to write.
        fps: frames a second of the clip.
        size: frame side in pixels, as trained on.
        boxes: boxes of the mask.

    Raises:
        PipelineError: a video cannot be read, or is shorter than a clip, or tokens span frames.
    """
    if tokenizer.temporal_compression > 1:
        raise PipelineError(
            f"tokens of {tokenizer.name} span {tokenizer.temporal_compression} frames: the fill-in "
            "is drawn for tokens of one frame; `vimpac tokens preview` draws any"
        )
    shown = [
        clip_strips(middle_clip(video, model, fps, size), model, tokenizer, boxes, seed)
        for seed, video in enumerate(videos)
    ]
    return write_picture(out, [np.concatenate(row) for row in zip(*shown, strict=True)], ROWS)


def draw_store(
    store: TokenStore, tokenizer: Tokenizer, out: Path, *, keys: Sequence[str], frames: int = 6
) -> Path:
    """Draw stored videos from their tokens alone: a row each of frames spread over the video.

    Args:
        store: the token store.
        tokenizer: the one its tokens came from.
        out: the PNG to write.
        keys: which videos.
        frames: how many of each.

    Raises:
        StoreError: there is no such video, or its shard is damaged.
    """
    strips = [spread_frames(store, tokenizer, key, frames) for key in keys]
    return write_picture(out, strips, keys)


@torch.inference_mode()
def spread_frames(store: TokenStore, tokenizer: Tokenizer, key: str, count: int) -> Frames:
    """Centre squares `(count, S, S, 3)` of frames evenly spaced over a stored video."""
    codes = store.read(key)
    if tokenizer.temporal_compression == 1:  # else a frame needs the ones before it
        codes = codes[spread(len(codes), count)]
    shown = decode(tokenizer, torch.from_numpy(codes.astype(np.int64)))
    return center_crop(shown[spread(len(shown), count)], min(shown.shape[1:3]))


def spread(length: int, count: int) -> NDArray[np.int64]:
    """`count` places evenly spaced over `length`, from the first to the last."""
    return np.linspace(0, length - 1, count).astype(np.int64)


def middle_clip(video: Path, model: PretrainModel, fps: float, size: int) -> Frames:
    """The frames `(T, H, W, 3)` of the clip in the middle of a video."""
    batches = VideoReader(video, fps=fps, size=size).frames()
    try:
        frames = np.concatenate([center_crop(batch, size) for batch in batches])
    except VideoError as error:
        raise PipelineError(f"{video} cannot be read: {error}") from None
    length = model.config.frames
    if len(frames) < length:
        raise PipelineError(f"{video} has {len(frames)} frames at {fps:g} fps, fewer than {length}")
    start = int(evenly_spaced_starts(len(frames), length, 3)[1])
    return frames[start : start + length]


@torch.inference_mode()
def clip_strips(
    frames: Frames, model: PretrainModel, tokenizer: Tokenizer, boxes: int, seed: int
) -> list[Frames]:
    """The four rows of a clip, `(T, H, W, 3)` each, in the order of `ROWS`."""
    codes = tokenizer.encode(as_pixels(frames))
    mask = block_mask(torch.tensor([seed]), tuple(codes.shape), boxes)[0]  # type: ignore[arg-type]
    filled = codes.masked_scatter(mask, predicted(model, codes, mask))
    seen = decode(tokenizer, codes)
    hidden = mask.repeat_interleave(tokenizer.compression, 1)
    hidden = hidden.repeat_interleave(tokenizer.compression, 2)
    masked = np.where(hidden[..., None].numpy(), np.uint8(GREY), seen)
    return [frames, seen, masked, decode(tokenizer, filled)]


def predicted(model: PretrainModel, codes: Tensor, mask: Tensor) -> Tensor:
    """The likeliest code at each masked place of `(T, h, w)` codes, `(M,)`."""
    hidden_codes = codes.masked_fill(mask, mask_token(model.config.vocabulary))
    hidden, _ = model.backbone(hidden_codes[None])
    logits = model.token_logits(hidden[0][mask])
    return logits[:, : model.config.vocabulary].argmax(1)


def decode(tokenizer: Tokenizer, codes: Tensor) -> Frames:
    """Codes `(T, h, w)` to frames `(T, H, W, 3)` uint8."""
    return tokenizer.decode(codes).permute(0, 2, 3, 1).numpy()


def write_picture(out: Path, strips: Sequence[Frames], labels: Sequence[str]) -> Path:
    """Write labelled strips of frames as a PNG."""
    out.parent.mkdir(parents=True, exist_ok=True)
    compose(strips, labels).save(out, "PNG")
    return out


def compose(strips: Sequence[Frames], labels: Sequence[str]) -> Image.Image:
    """Lay strips of frames under one another, each below its label."""
    columns = len(strips[0])
    width = columns * (SIDE + GAP) + GAP
    height = len(strips) * (SIDE + LABEL + GAP) + GAP
    canvas = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=15)
    for row, (strip, label) in enumerate(zip(strips, labels, strict=True)):
        top = GAP + row * (SIDE + LABEL + GAP)
        draw.text((GAP, top), label, fill="black", font=font)
        for column, frame in enumerate(strip):
            shown = Image.fromarray(frame).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
            canvas.paste(shown, (GAP + column * (SIDE + GAP), top + LABEL))
    return canvas
