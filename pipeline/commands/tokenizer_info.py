"""`vimpac tokenizer list` and `info`: which tokenizers there are, and what one is."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from PIL import Image
from torch import Tensor

from ...tokenizer import (
    Tokenizer,
    VideoTokenizer,
    codes_differing,
    generated_pictures,
    known_tokenizers,
    load_tokenizer,
    read_images,
)
from ..console import emit
from ..tokenizing.machine import devices
from .options import Device, Json, Trust

SIDE = 128
"""Pixels of the square pictures on which precisions are compared."""


def list_tokenizers(json: Json = False) -> None:
    """Say what --tokenizer takes: the one that ships, public ones, those of installed packages."""
    known = [
        {"tokenizer": spec, "from": source, "about": about}
        for spec, source, about in known_tokenizers()
    ]
    if json:
        emit({"tokenizers": known}, as_json=True, title="tokenizers")
    else:
        rows = {entry["tokenizer"]: f"{entry['from']}; {entry['about']}" for entry in known}
        emit(rows, as_json=False, title="tokenizers")


def info(
    tokenizer: Annotated[str, typer.Argument(help="One of `tokenizer list`.")] = "default",
    precision: Annotated[str, typer.Option(help="The encoder's arithmetic: fp32, bf16.")] = "fp32",
    media: Annotated[
        list[Path] | None,
        typer.Option(help="Pictures on which to compare codes with fp32's; generated ones else."),
    ] = None,
    device: Device = "cpu",
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Say which tokenizer this is and, in bf16, what share of its codes differ from fp32's."""
    one_device = devices(device)[0]
    loaded = load_tokenizer(tokenizer, one_device, precision, trust)
    document = described(loaded)
    if precision != "fp32":
        frames = squares(media) if media else generated_pictures(4, SIDE)
        exact = load_tokenizer(tokenizer, one_device, trust=trust)
        document["codes_differing_from_fp32"] = codes_differing(loaded, exact, frames)
        document["compared_on"] = f"{len(frames)} {'given' if media else 'generated'} pictures"
    emit(document, as_json=json, title=tokenizer)


def described(tokenizer: Tokenizer) -> dict[str, Any]:
    """What a tokenizer says of itself."""
    return {
        "name": tokenizer.name,
        "fingerprint": tokenizer.fingerprint,
        "vocabulary": tokenizer.vocabulary,
        "compression": tokenizer.compression,
        "temporal_compression": tokenizer.temporal_compression,
        "window": tokenizer.window if isinstance(tokenizer, VideoTokenizer) else 1,
        "precision": tokenizer.precision,
        "has_codebook": tokenizer.codebook is not None,
    }


def squares(paths: list[Path]) -> Tensor:
    """The pictures' largest central squares `(N, 3, SIDE, SIDE)` uint8."""
    shown = []
    for picture in read_images(paths):
        image = Image.fromarray(picture)
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        box = (left, top, left + side, top + side)
        shown.append(np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box)))
    return torch.from_numpy(np.stack(shown)).permute(0, 3, 1, 2).contiguous()
