"""Frames a second that the built-in tokenizer encodes, beside the DALL-E encoder.

    python benchmarks/tokenizer_speed.py [--processes 2] [--size 128]

As a tokenize job uses a machine's cores: a process on each, computing on one thread. The DALL-E
encoder has random weights, on which its speed does not depend. Both run in float32, in turns,
DALL-E's in the better of two memory layouts and with its best number of frames at a time; the best
of several rounds counts. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import torch
from torch import Tensor
from vimpac.tokenizer import load_tokenizer
from vimpac.tokenizer.public.dalle import DalleConfig, DalleModel

ROUNDS = 3
DEFAULT = "default"


@torch.no_grad()
def dalle_codes(model: DalleModel, frames: Tensor, layout: torch.memory_format) -> Tensor:
    """Codes of frames `(N, 3, H, W)` uint8."""
    return model.codes((frames.float() / 255).contiguous(memory_format=layout))


def ways(size: int) -> dict[str, tuple[int, Callable[[], object]]]:
    """Each way to encode: how many frames a call takes, and the call."""
    frames = torch.randint(256, (64, 3, size, size), dtype=torch.uint8)
    found: dict[str, tuple[int, Callable[[], object]]] = {
        DEFAULT: (len(frames), partial(load_tokenizer().encode, frames))
    }
    for layout in (torch.contiguous_format, torch.channels_last):
        model = DalleModel(DalleConfig(code_width=None, decoder_width=None)).eval()
        model.to(memory_format=layout)  # type: ignore[call-overload]
        for count in (1, 4):
            call = partial(dalle_codes, model, frames[:count], layout)
            found[f"DALL-E, {layout}, {count} at a time"] = (count, call)
    return found


def speeds(size: int) -> dict[str, float]:
    """Frames a second of each way on one thread."""
    torch.set_num_threads(1)
    calls = ways(size)
    best = dict.fromkeys(calls, 0.0)
    for _ in range(ROUNDS):
        for name, (count, call) in calls.items():
            start = time.perf_counter()
            call()
            best[name] = max(best[name], count / (time.perf_counter() - start))
    return best


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--size", type=int, default=128)
    arguments = parser.parse_args()
    with ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(speeds, [arguments.size] * arguments.processes))
    together = {name: sum(part[name] for part in parts) for name in parts[0]}
    dalle = max(speed for name, speed in together.items() if name != DEFAULT)
    report = {"ratio": together[DEFAULT] / dalle, "frames_per_second": together}
    print(json.dumps({**vars(arguments), **report}, indent=2))


if __name__ == "__main__":
    main()
