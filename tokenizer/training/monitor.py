"""What a training leaves to look at: figures as JSON lines, and a picture of reconstructions."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from PIL import Image

from ..quantizer import nearest_codes
from .config import TrainingStep
from .run import TrainingRun

_LOG_EVERY = 50  # steps
_SHOWN_STEP = 1 << 41  # the draw of crops that are shown; no step of training draws them
_SHOWN = 8


class TrainingMonitor:
    """Writes `NAME.jsonl` and `NAME.png` beside a tokenizer `NAME.safetensors` being trained.

    The lines are `TrainingStep`s, one every 50 steps. The picture's upper row shows crops, the
    lower row what the averaged weights make of them. A resumed run goes on with its lines.
    """

    def __init__(self, out: Path, run: TrainingRun) -> None:
        """Keep the lines of steps that are done, and no others."""
        self._log = out.with_suffix(".jsonl")
        self._picture = out.with_suffix(".png")
        self._run = run
        kept = _lines_until(self._log, run.step) if run.step and self._log.exists() else []
        self._log.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._log.with_name(f".{self._log.name}")
        temporary.write_text("".join(line + "\n" for line in kept))
        temporary.replace(self._log)

    def log(self, report: TrainingStep) -> None:
        """Write a line, at one step in fifty."""
        if report.step % _LOG_EVERY == 0 or report.step == report.steps:
            with self._log.open("a") as file:
                file.write(json.dumps(asdict(report)) + "\n")

    @torch.no_grad()
    def draw(self) -> None:
        """Draw crops and their reconstructions."""
        model = self._run.average
        shown = self._run.draw(_SHOWN_STEP)[0][:_SHOWN]
        latents = model.latents(shown)
        if self._run.step > self._run.config.unquantised_steps:
            codes = nearest_codes(latents.permute(0, 2, 3, 1), model.codebook)
            latents = model.codebook[codes].permute(0, 3, 1, 2)
        rows = [torch.cat(tuple(row), dim=2) for row in (shown, model.pixels(latents))]
        pixels = (255 * torch.cat(rows, dim=1)).round().clamp(0, 255).to(torch.uint8)
        temporary = self._picture.with_name(f".{self._picture.name}")
        Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy()).save(temporary, "PNG")
        temporary.replace(self._picture)


def _lines_until(log: Path, step: int) -> list[str]:
    """The lines of steps up to `step`; a last one that a kill cut short is left out."""
    kept = []
    for line in log.read_text().splitlines():
        try:
            done = json.loads(line)["step"]
        except ValueError:
            break
        if done <= step:
            kept.append(line)
    return kept
