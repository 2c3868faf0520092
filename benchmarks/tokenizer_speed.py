"""Frames a second that the built-in tokenizer encodes, beside the DALL-E encoder.

    python benchmarks/tokenizer_speed.py [--threads 2] [--size 128]

The DALL-E encoder has random weights: its speed does not depend on them. Both run in float32, in
one process, in turns, each in the better of two memory layouts and with its best number of frames
at a time; the best of several rounds counts. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import torch
from torch import Tensor
from vimpac.tokenizer import load_tokenizer
from vimpac.tokenizer.public.dalle import DalleConfig, DalleModel

ROUNDS = 3


def seconds(run: Callable[[], object]) -> float:
    """Of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


@torch.no_grad()
def dalle_codes(model: DalleModel, frames: Tensor, layout: torch.memory_format) -> Tensor:
    """Codes of frames `(N, 3, H, W)` uint8."""
    return model.codes((frames.float() / 255).contiguous(memory_format=layout))


def measured(threads: int, size: int) -> dict[str, float]:
    """Frames a second of both, and their ratio."""
    torch.set_num_threads(threads)
    frames = torch.randint(256, (64, 3, size, size), dtype=torch.uint8)
    tokenizer = load_tokenizer()
    ways: dict[str, tuple[int, Callable[[], object]]] = {
        "default": (len(frames), lambda: tokenizer.encode(frames))
    }
    for layout in (torch.contiguous_format, torch.channels_last):
        model = DalleModel(DalleConfig(code_width=None, decoder_width=None)).eval()
        model.to(memory_format=layout)  # type: ignore[call-overload]
        for count in (1, 4):
            ways[f"dalle {layout} {count}"] = (
                count,
                lambda model=model, count=count, layout=layout: dalle_codes(
                    model, frames[:count], layout
                ),
            )
    best = dict.fromkeys(ways, 0.0)
    for _ in range(ROUNDS):
        for name, (count, run) in ways.items():
            best[name] = max(best[name], count / seconds(run))
    dalle = max(speed for name, speed in best.items() if name != "default")
    return {
        "threads": threads,
        "size": size,
        "default_frames_per_second": best["default"],
        "dalle_frames_per_second": dalle,
        "ratio": best["default"] / dalle,
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=128)
    arguments = parser.parse_args()
    print(json.dumps(measured(arguments.threads, arguments.size), indent=2))


if __name__ == "__main__":
    main()
