"""How the time of a clip grows with frames, grid and layers, for axial and joint attention.

    python benchmarks/cost_growth.py [--plot docs/cost_growth.svg]

Forward and backward of the backbone alone, one clip at a time, 128 wide, 2 layers where layers are
not what is varied. Prints JSON; draws the plot without any plotting library.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import torch
from vimpac.trainer import ModelConfig
from vimpac.trainer.model.backbone import Backbone

VARIED = {"frames": (5, 10, 20), "grid": (8, 16, 32), "layers": (2, 4, 8)}
LAYOUTS = ("T,H|W", "THW")
COLOURS = {"T,H|W": "#1b6ca8", "THW": "#c8553d"}


def seconds(layout: str, repeats: int = 5, **varied: int) -> float:
    """Fastest forward and backward pass of one clip."""
    side = varied.pop("grid", 16)
    shape = {"frames": 5, "layers": 2} | varied
    config = ModelConfig(
        vocabulary=512, grid=(side, side), width=128, heads=4, mlp_width=512, dropout=0.0,
        layout=layout, **shape,
    )  # fmt: skip
    backbone = Backbone(config)
    codes = torch.randint(0, 512, (1, config.frames, side, side))
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        hidden, cls = backbone(codes)
        (hidden.sum() + cls.sum()).backward()
        best = min(best, time.perf_counter() - start)
    return best


def measured() -> dict[str, dict[str, dict[int, float]]]:
    """Seconds by layout, by what is varied, by its value."""
    seconds("T,H|W")
    return {
        layout: {
            name: {value: seconds(layout, **{name: value}) for value in values}
            for name, values in VARIED.items()
        }
        for layout in LAYOUTS
    }


def panel(times: dict[str, dict[int, float]], name: str, left: int) -> list[str]:
    """One log-log panel; the grey line is growth in proportion to the tokens (or layers)."""
    values = VARIED[name]
    exponent = 2 if name == "grid" else 1
    first = min(by[values[0]] for by in times.values())
    fair = {value: first * (value / values[0]) ** exponent for value in values}
    most = max(max(by.values()) for by in [*times.values(), fair])

    def point(value: int, time_: float) -> tuple[float, float]:
        across = math.log(value / values[0]) / math.log(values[-1] / values[0])
        up = math.log(time_ / first) / max(math.log(most / first), 1e-9)
        return left + 40 + across * 170, 200 - up * 150

    shapes = [f'<text x="{left + 40}" y="30">{name}</text>']
    for label, by in [("in proportion", fair), *times.items()]:
        colour = COLOURS.get(label, "#999999")
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (point(v, t) for v, t in by.items()))
        shapes.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
        x, y = point(values[-1], by[values[-1]])
        beside = y + 16 if label == "in proportion" else y - 4
        shapes.append(f'<text x="{x - 60:.1f}" y="{beside:.1f}" fill="{colour}">{label}</text>')
    for value in values:
        shapes.append(f'<text x="{point(value, first)[0] - 5:.1f}" y="218">{value}</text>')
    return shapes


def draw(times: dict[str, dict[str, dict[int, float]]]) -> str:
    """The three panels as SVG."""
    panels = [
        line
        for place, name in enumerate(VARIED)
        for line in panel({layout: times[layout][name] for layout in times}, name, 250 * place)
    ]
    head = '<svg xmlns="http://www.w3.org/2000/svg" width="760" height="230" '
    style = 'font-family="sans-serif" font-size="11"><rect width="760" height="230" fill="white"/>'
    return "\n".join([head + style, *panels, "</svg>\n"])


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    times = measured()
    if arguments.plot is not None:
        arguments.plot.write_text(draw(times))
    print(json.dumps({"threads": torch.get_num_threads(), "seconds": times}, indent=2))


if __name__ == "__main__":
    main()
