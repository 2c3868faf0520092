"""A run's figures: averaged between reports, appended to `metrics.jsonl`, shown in TensorBoard."""

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from ..distributed import Distributed
from ..errors import TrainingError
from .config import LoopConfig
from .run_folder import METRICS, TENSORBOARD, Run, write_text

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True, slots=True)
class StepReport:
    """What an observer is told after a logged step.

    Attributes:
        step: steps done.
        steps: steps at which the run ends.
        figures: means of what was finite since the last report; `loss`, `lr`, the objective's
            own, `videos_per_second` over all ranks, `data_wait_share`, the share of time spent
            waiting for data, and what validation found.
    """

    step: int
    steps: int
    figures: dict[str, float]


OnReport = Callable[[StepReport], None]


class Log:
    """Takes every step's figures on the device; fetches their means when they are to be told."""

    def __init__(
        self,
        run: Run,
        start: int,
        loop: LoopConfig,
        distributed: Distributed,
        on_report: OnReport | None,
    ) -> None:
        self._distributed = distributed
        self._last_step = loop.last_step
        self._on_report = on_report
        self._sinks: list[Callable[[int, dict[str, float]], None]] = []
        if distributed.leads:
            self._sinks.append(_metrics_file(run.path / METRICS, start))
        if distributed.leads and loop.tensorboard:
            self._sinks.append(_tensorboard(run.path / TENSORBOARD, start))
        self._begin()

    def timed(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items, with the time spent waiting for them counted."""
        source = iter(items)
        while True:
            asked = time.perf_counter()
            item = next(source, None)
            self._waited += time.perf_counter() - asked
            if item is None:
                return
            yield item

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave a stretch of time out of the speed."""
        begun = time.perf_counter()
        yield
        self._since += time.perf_counter() - begun

    def add(self, videos: int, figures: Mapping[str, Tensor]) -> None:
        """Take a step's figures, scalars on the device."""
        self._videos += videos
        for name, value in figures.items():
            value, finite = value.detach().float(), value.detach().isfinite()
            counted = torch.stack([torch.where(finite, value, 0.0), finite.float()])
            self._sums[name] = self._sums[name] + counted if name in self._sums else counted

    def report(self, step: int, **further: float) -> None:
        """Tell the means over the steps since the last report, and `further` figures.

        A mean is over the finite values, as the gradient norm of a step that overflowed in fp16 is
        none; what has no finite value is left out, as JSON has no word for it.
        """
        names = list(self._sums)
        sums, counts = self._distributed.total(
            torch.stack([self._sums[name] for name in names])
        ).unbind(1)
        means = (sums / counts).tolist()
        seconds = time.perf_counter() - self._since
        figures = dict(zip(names, means, strict=True)) | {
            "videos_per_second": self._videos / seconds,
            "data_wait_share": self._waited / seconds,
            **further,
        }
        figures = {name: value for name, value in figures.items() if math.isfinite(value)}
        for sink in self._sinks:
            sink(step, figures)
        if self._on_report is not None and self._distributed.leads:
            self._on_report(StepReport(step=step, steps=self._last_step, figures=figures))
        self._begin()

    def _begin(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._videos = 0
        self._waited = 0.0
        self._since = time.perf_counter()


def _metrics_file(path: Path, start: int) -> Callable[[int, dict[str, float]], None]:
    """Append a line a report, after dropping what a killed run logged past its last checkpoint."""
    kept = [line for line in read_metrics(path) if line["step"] <= start]
    write_text(path, "".join(json.dumps(line) + "\n" for line in kept))

    def write(step: int, figures: dict[str, float]) -> None:
        with path.open("a") as file:
            file.write(json.dumps({"step": step, **figures}) + "\n")

    return write


def _tensorboard(path: Path, start: int) -> Callable[[int, dict[str, float]], None]:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise TrainingError(
            "--tensorboard needs the package tensorboard: pip install 'vimpac[tensorboard]'"
        ) from None
    writer: Any = SummaryWriter(str(path), purge_step=start + 1)

    def write(step: int, figures: dict[str, float]) -> None:
        for name, value in figures.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return write


def read_metrics(path: Path) -> list[dict[str, float]]:
    """The lines of a run's `metrics.jsonl`; a last line that a kill cut short is left out."""
    if not path.exists():
        return []
    lines = []
    for line in path.read_text().splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
    return lines
