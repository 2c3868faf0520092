"""The commands of docs/sharing.md, as they stand there, and how mistakes look."""

import io
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import pytest
from sample_stores import build, make_videos
from vimpac.datasets import TokenStore, verify
from vimpac.pipeline.cli import main

SHARING = Path(__file__).parents[2] / "docs/sharing.md"
COMMANDS = re.findall(
    r"^vimpac (.+)$", "".join(re.findall(r"```sh\n(.*?)```", SHARING.read_text(), re.S)), re.M
)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command; returns its exit code, stdout and stderr."""

    def run(*words: object) -> tuple[int, str, str]:
        code = 0
        try:
            main([str(word) for word in words])
        except SystemExit as ended:
            code = int(ended.code or 0)
        return code, *capfd.readouterr()

    return run


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the documented commands are given in: `ours`, `theirs` and an LMDB."""
    videos = make_videos(12)
    items = list(videos.items())
    build(tmp_path / "ours", dict(items[:7]))
    build(tmp_path / "theirs", dict(items[6:]))
    with (
        lmdb.open(str(tmp_path / "lmdb"), map_size=2**26) as database,
        database.begin(write=True) as writing,
    ):
        for number in range(3):
            file = io.BytesIO()
            codes = np.full((4, 16, 16), number, np.int16)
            np.savez(file, tokens=codes, label=np.array(number, np.int16))
            writing.put(f"class/{number}".encode(), file.getvalue())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_documented_commands_do_what_is_said(stores: Path, run: Run) -> None:
    assert len(COMMANDS) == 7
    documents: dict[str, Any] = {}
    for command in COMMANDS:
        code, out, err = run(*shlex.split(command), "--json")
        assert code == 0, (command, err)
        documents[shlex.split(command)[1]] = json.loads(out)
    whole = build(stores / "whole", make_videos(12))
    expected = TokenStore.open(whole).summary()["logical_hash"]
    assert documents["merge"]["logical_hash"] == expected
    assert [duplicate["key"] for duplicate in documents["merge"]["duplicates"]] == ["clips/06"]
    assert documents["info"]["entropy"]["sampled"] is False
    assert documents["pull"]["fetched"] == documents["push"]["sent"] == 2
    assert documents["verify"] == {"ok": True, "problems": []}
    assert documents["card"]["missing"] == [
        "description", "license_url", "contact", "homepage", "source_license", "citation"
    ]  # fmt: skip
    assert documents["import"]["labels"] == 3
    assert Path(documents["import"]["labels_file"]).read_text().count(".mp4 ") == 3
    assert all(verify(stores / name).ok for name in ("all", "copy", "imported"))


def test_tables_and_progress_keep_apart(stores: Path, run: Run) -> None:
    code, out, err = run("tokens", "merge", "ours", "theirs", "--out", "all")
    assert code == 0
    assert "duplicates" in out
    assert "duplicate: clips/06, kept as in" in err
    assert "merge 4/4 shards" in err
    assert "info" not in err


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("merge ours --out all", "two token stores or more"),
        ("merge ours none --out all", "none is not a token store"),
        ("merge ours other --out all", "fps: 2.0 against 4.0"),
        ("merge ours theirs --out ours", "name a new folder"),
        ("merge ours theirs --out all --duplicates refuse", "1 videos are in several stores"),
        ("push none shared", "not a token store"),
        ("push ours nonsense://place", "names no place"),
        ("push ours other", "holds another store"),
        ("pull none --out copy", "not a token store"),
        ("pull ours --out other", "made with other options"),
        ("preview ours --tokenizer default", "of toy (ffffffffffff), not of default ("),
        ("card none", "not a token store"),
        ("card ours --published soon", "a date as 2026-01-31"),
        ("import none --out x --tokenizer t --vocabulary 9 --fps 2 --size 128", "neither an LMDB"),
        ("import lmdb --out x --fps 2 --size 128", "say what made the codes"),
        (
            "import lmdb --out x --tokenizer t --vocabulary 9 --fps 2 --size 64",
            "none of the 3 videos could be imported",
        ),
        (
            "import lmdb --out x --tokenizer t --vocabulary 9 --fps 2 --size 128 --views a,b",
            "1 sources for the views a,b",
        ),
    ],
)
def test_a_mistake_is_one_line(stores: Path, run: Run, command: str, says: str) -> None:
    build(stores / "other", make_videos(2), fps=4.0)
    code, out, err = run("tokens", *command.split())
    assert (code, out) == (2, "")
    (line,) = [line for line in err.splitlines() if not line.startswith("import ")]
    assert line.startswith("vimpac: ")
    assert says in line


@pytest.mark.parametrize(("words", "says"), [([], "--trust"), (["--trust"], "encoder.jit: ")])
def test_an_import_runs_torchscript_only_where_it_is_trusted(
    stores: Path, run: Run, words: list[str], says: str
) -> None:
    (stores / "cosmos").mkdir()
    (stores / "cosmos/encoder.jit").write_bytes(b"no TorchScript")
    command = "import lmdb --out x --weights cosmos:cosmos --fps 2 --size 128"
    code, out, err = run("tokens", *command.split(), *words)
    assert (code, out) == (2, "")
    assert says in err
    assert ("say so with --trust" in err) == (not words)
