"""Do tokens of a whole frame, cropped, equal the tokens of the cropped frame?

    python benchmarks/crops_in_token_space.py [CLIPS]

Encodes frames of real clips whole, and squares of them at positions in steps of one token. Prints
the share of equal tokens as JSON: by distance from the square's border in tokens, over the whole
square, and of tokens mirrored against the tokens of the mirrored square.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from real_clips import make_clips
from torch import Tensor
from vimpac.datasets import View
from vimpac.pipeline.tokenizing import as_pixels
from vimpac.pipeline.video import VideoReader, crop
from vimpac.tokenizer import Tokenizer, load_tokenizer

SIZE = 128


def rings(side: int) -> np.ndarray:
    """Distance of each token of a square from its border, `(side, side)`."""
    line = np.minimum(np.arange(side), np.arange(side)[::-1])
    return np.minimum(line[:, None], line[None])


def compare(tokenizer: Tokenizer, frames: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Equal tokens of squares at five positions, plain and mirrored, `(n, side, side)` each."""
    step = tokenizer.compression
    side = SIZE // step
    whole = tokenizer.encode(frames)
    spare = (whole.shape[1] - side, whole.shape[2] - side)
    equal, mirrored = [], []
    for part in np.linspace(0, 1, 5):
        row, column = (int(part * left) for left in spare)
        square = frames[:, :, row * step :, column * step :][:, :, :SIZE, :SIZE].contiguous()
        tokens = tokenizer.encode(square)
        equal.append(tokens == whole[:, row : row + side, column : column + side])
        mirrored.append(tokenizer.encode(square.flip(3)) == tokens.flip(2))
    return torch.cat(equal).numpy(), torch.cat(mirrored).numpy()


def main() -> None:
    """Print the figures."""
    torch.set_num_threads(1)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    tokenizer = load_tokenizer()
    results = []
    with tempfile.TemporaryDirectory() as name:
        for clip in make_clips(Path(name), count, seconds=3.0):
            frames = np.concatenate(list(VideoReader(clip, fps=1, size=SIZE).frames()))
            shown = crop(frames, View(crop="full"), SIZE, tokenizer.compression)
            results.append(compare(tokenizer, as_pixels(shown)))
    equal, mirrored = (np.concatenate(part) for part in zip(*results, strict=True))
    distance = rings(equal.shape[1])
    report = {
        "squares": len(equal),
        "equal": equal.mean(),
        "equal_by_distance": [equal[:, distance == d].mean() for d in range(6)],
        "equal_mirrored": mirrored.mean(),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
