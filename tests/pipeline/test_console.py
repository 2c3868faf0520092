"""What is printed is what was meant: names like markup, long values, on a terminal or not."""

import io

import pytest
from rich.console import Console
from vimpac.pipeline import console

NAMES = ["Title [dQw4w9WgXcQ].mp4", "a [/b] c", "[red]x", ":smile:.mp4", "[link=y]z[/link]"]
HASH = "0123456789abcdef" * 4


@pytest.mark.parametrize("name", NAMES)
def test_names_are_printed_as_they_are(name, capsys):
    console.emit({name: 1, "video": name, "all": [{"video": name}]}, as_json=False, title=name)
    console.note(name)
    console.fail(name)
    shown = capsys.readouterr()
    assert shown.out.count(name) == 4
    assert shown.err.splitlines() == [name, f"vimpac: {name}"]


def test_long_values_are_whole(capsys):
    console.emit({"h" * 60: HASH, "hash": HASH}, as_json=False, title="hashes")
    out = capsys.readouterr().out
    assert "…" not in out
    assert all(out.count(sign) == 8 for sign in "0123456789")


@pytest.mark.parametrize("name", NAMES)
def test_progress_shows_names_as_they_are(name, monkeypatch):
    terminal = Console(file=io.StringIO(), force_terminal=True, width=200, color_system=None)
    monkeypatch.setattr(console, "stderr", terminal)
    with console.progress(name, 2) as update:
        update(1, f"at {name}")
    shown = terminal.file.getvalue()
    assert f"at {name}" in shown
    assert shown.count(name) >= 2
