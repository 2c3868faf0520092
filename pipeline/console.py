"""What the terminal sees: results on stdout, progress and errors on stderr.

Names of files are in all of it, so nothing is read as rich's markup: `[x]` stays `[x]`.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

stderr = Console(stderr=True, soft_wrap=True)
stdout = Console(soft_wrap=True)

PLAIN_SECONDS = 10.0
"""Between two progress lines where stderr is no terminal."""


def emit(document: Mapping[str, Any], *, as_json: bool, title: str) -> None:
    """Print a result: one JSON document, or a table of its scalar and nested fields."""
    if as_json:
        print(json.dumps(document, indent=2), flush=True)
        return
    heading = Text(title, style="table.title")
    table = Table(title=heading, title_justify="left", show_header=False)
    for _ in ("name", "value"):
        table.add_column(overflow="fold")
    for name, value in _rows(document):
        table.add_row(Text(name), Text(value))
    stdout.print(table)


def _rows(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from _rows(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple):
            yield prefix + name, ", ".join(_text(item) for item in value) or "none"
        else:
            yield prefix + name, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name} {_text(item)}" for name, item in value.items())
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def fail(message: str) -> None:
    """Print a user's mistake as one line."""
    stderr.print(Text(f"vimpac: {' '.join(message.split())}", style="red"))


def note(message: str) -> None:
    """Tell the user something that is no result."""
    stderr.print(Text(message))


Update = Callable[[int, str], None]
"""Told how many units are done and what to say beside the bar."""


@contextmanager
def progress(title: str, total: int, *, done: int = 0) -> Iterator[Update]:
    """A progress bar; plain lines, one every few seconds, where stderr is no terminal."""
    if not stderr.is_terminal:
        yield _plain_lines(title, total)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}", markup=False),
    )
    with Progress(*columns, console=stderr) as bar:
        task = bar.add_task(title, total=total, completed=done, text="")
        yield lambda now, text: bar.update(task, completed=now, text=text)


def _plain_lines(title: str, total: int) -> Update:
    began = last = time.monotonic()
    first: int | None = None  # what was done before counts for no speed

    def update(now: int, text: str) -> None:
        nonlocal last, first
        first = now if first is None else first
        if now >= total or time.monotonic() - last >= PLAIN_SECONDS:
            last = time.monotonic()
            left = (last - began) / max(now - first, 1) * (total - now)
            note(f"{title} {now}/{total} {text}" + (f", {_duration(left)} left" if left else ""))

    return update


def _duration(seconds: float) -> str:
    """Seconds as people say them."""
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else "under 1 min"
