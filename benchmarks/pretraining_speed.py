"""Speed and memory of a pre-training step beside the plain formulation of the same step.

    python benchmarks/pretraining_speed.py [--videos 2] [--steps 3] [--preset small] [--compile]

One step is forward, backward and update of `--videos` videos of two clips, 5 x 16 x 16 tokens,
8192 codes. Every way of stepping runs in a process of its own, so that its peak memory is its own;
the plain formulation is `plain_formulation.py`. Both losses are first compared in fp32 without
dropout. The rate of matrix products that this machine reaches is measured on the shapes the model
multiplies, in each precision. Prints JSON.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from plain_formulation import IGNORED, PlainModel, plain_masks, plain_step
from torch.nn import functional
from vimpac.trainer import ALONE, LoopConfig, MaskConfig, PretrainConfig, model_config, recipe_for
from vimpac.trainer.loop.precision import DTYPES, choose_precision
from vimpac.trainer.loop.trainer import Trainer
from vimpac.trainer.model.flops import forward_flops
from vimpac.trainer.pretraining.model import PretrainModel
from vimpac.trainer.pretraining.objective import mask_clips, predict, pretraining_objective

VOCABULARY, GRID, BOXES = 8192, (5, 16, 16), 5


def drawn(videos: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random clips `(videos, 2, T, H, W)` and mask seeds `(videos, 2)`."""
    generator = torch.Generator().manual_seed(0)
    clips = torch.randint(0, VOCABULARY, (videos, 2, *GRID), generator=generator)
    return clips, torch.randint(0, 2**60, (videos, 2), generator=generator)


def plain_stepper(preset: str, videos: int) -> Callable[[], object]:
    """The baseline's step."""
    config = model_config(preset, VOCABULARY)
    weights = PretrainModel(config)
    model = PlainModel(weights, layers=config.layers, heads=config.heads, dropout=config.dropout)
    optimizer = torch.optim.AdamW(weights.parameters(), lr=1e-4, weight_decay=0.05)
    clips, rng = drawn(videos)[0].flatten(0, 1), random.Random(0)

    def step() -> None:
        masks = plain_masks(len(clips), GRID, BOXES, rng)
        plain_step(model, optimizer, clips, masks, VOCABULARY + 4)

    return step


def our_stepper(preset: str, videos: int, **loop: object) -> Callable[[], object]:
    """The trainer's own step."""
    config = PretrainConfig(
        model=model_config(preset, VOCABULARY),
        optimizer=recipe_for(preset).optimizer,
        loop=LoopConfig(steps=1000, **loop),
        batch_size=videos,
    )
    model = PretrainModel(config.model)
    model.backbone.checkpoint_layers = config.loop.checkpoint_activations
    trainer = Trainer(model, model.backbone.layers, config.loop, config.optimizer, ALONE)
    objective = partial(pretraining_objective, config=config, distributed=ALONE)
    clips, seeds = drawn(videos)
    return lambda: trainer.step(
        objective, [mask_clips(clips, seeds, config.mask, VOCABULARY, ALONE.device)]
    )


def measure(stepper: Callable[[], object], steps: int) -> dict[str, float]:
    """Seconds of the fastest of some steps after a first one, and peak memory of the process."""
    stepper()
    seconds = []
    for _ in range(steps):
        start = time.perf_counter()
        stepper()
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": min(seconds), "median": sorted(seconds)[steps // 2], "peak_gib": peak}


def losses(preset: str) -> dict[str, float]:
    """Both formulations' losses on the same clips, masks and weights, fp32, no dropout."""
    torch.manual_seed(0)
    config = replace(model_config(preset, VOCABULARY), dropout=0.0)
    model = PretrainModel(config)
    plain = PlainModel(copy.deepcopy(model), layers=config.layers, heads=config.heads, dropout=0)
    clips = mask_clips(*drawn(2), MaskConfig(boxes=BOXES), VOCABULARY, ALONE.device)
    with torch.no_grad():
        token, _, cls = predict(model, clips, clips.places())
        ours = token / clips.mask.sum() + model.contrast(cls, ALONE)[0]
        theirs = sum(plain(clips.hidden, torch.where(clips.mask, clips.codes, IGNORED)))
    return {"ours": float(ours), "plain": float(theirs)}


def matrix_rate(precision: str, rows: int, config: object) -> float:
    """Best rate in FLOP/s over the model's own products: `rows` tokens by its weights."""
    dtype = DTYPES.get(precision, torch.float32)
    best = 0.0
    for inner, outer in ((512, 1536), (512, 512), (512, 2048), (2048, 512)):
        x, weight = torch.randn(rows, inner, dtype=dtype), torch.randn(outer, inner, dtype=dtype)
        for _ in range(4):
            start = time.perf_counter()
            functional.linear(x, weight)
            best = max(best, 2 * rows * inner * outer / (time.perf_counter() - start))
    return best


def run_apart(way: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Measure one way of stepping in a new process."""
    words = [sys.executable, __file__, "--way", way, "--videos", str(arguments.videos)]
    words += ["--steps", str(arguments.steps), "--preset", arguments.preset]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(ended.stdout)
    return result


def summary(arguments: argparse.Namespace) -> dict[str, object]:
    """All ways beside each other."""
    config = model_config(arguments.preset, VOCABULARY)
    clips = mask_clips(*drawn(arguments.videos), MaskConfig(), VOCABULARY, ALONE.device)
    count = 2 * arguments.videos
    masked = clips.masked.item() / count
    needed = 3 * forward_flops(config, count, masked)
    auto = choose_precision("auto", ALONE.device)
    ways = ["plain", auto, *arguments.also]
    results = {way: run_apart(way, arguments) for way in ways}
    rate = matrix_rate(auto, count * 1280, config)
    for result in results.values():
        result["clips_per_second"] = count / result["seconds"]
    ours, plain = results[auto], results["plain"]
    return {
        "threads": torch.get_num_threads(),
        "clips": count,
        "auto_precision": auto,
        "losses": losses(arguments.preset),
        "matrix_gflops": {auto: rate / 1e9, "bf16": matrix_rate("bf16", 1280, config) / 1e9},
        "needed_gflop_a_step": needed / 1e9,
        "share_of_matrix_rate": needed / ours["seconds"] / rate,
        "speed_up": plain["seconds"] / ours["seconds"],
        "memory_ratio": ours["peak_gib"] / plain["peak_gib"],
        "ways": results,
    }


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--also", nargs="*", default=[], help="further ways, such as compiled bf16")
    parser.add_argument("--way", help="measure this one alone")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    if arguments.way is None:
        print(json.dumps(summary(arguments), indent=2))
        return
    options: dict[str, dict[str, object]] = {
        "fp32": {},
        "bf16": {"precision": "bf16"},
        "compiled": {"compile": True},
        "checkpointed": {"checkpoint_activations": True},
    }
    stepper = (
        plain_stepper(arguments.preset, arguments.videos)
        if arguments.way == "plain"
        else our_stepper(arguments.preset, arguments.videos, **options[arguments.way])
    )
    print(json.dumps(measure(stepper, arguments.steps)))


if __name__ == "__main__":
    main()
