"""Training straight from a store behind a URL."""

import fsspec
import pytest
from vimpac.datasets.format.files import files_below
from vimpac.trainer import Run

URL = "memory://team/tokens"


@pytest.fixture
def remote(store):
    """The store of these tests, copied to `URL`."""
    system = fsspec.filesystem("memory")
    for name, file in files_below(store).items():
        system.pipe_file(f"/team/tokens/{name}", file.read_bytes())
    yield URL
    system.rm("/team", recursive=True)


def test_a_run_trains_and_is_evaluated_on_a_url(vimpac, remote, tmp_path):
    run, cache = tmp_path / "run", tmp_path / "cache"
    words = ("--preset", "debug", "--steps", 2, "--batch-size", 4, "--out", run, "--cache", cache)
    ended = vimpac("pretrain", remote, *words, "--json")
    assert ended.code == 0, ended.err
    assert ended.document["finished"]
    assert Run(run).config["tokens"]["path"] == URL
    assert any(file.is_file() for file in cache.rglob("*"))
    ended = vimpac("evaluate", run, "--json")
    assert ended.code == 0, ended.err
    assert 0 <= ended.document["masked_token_accuracy"] <= 1


def test_a_url_without_a_store_is_said_as_it_was_typed(vimpac, remote, tmp_path):
    ended = vimpac("pretrain", "memory://nowhere/tokens", "--out", tmp_path / "run")
    assert ended.code == 2
    assert "memory://nowhere/tokens" in ended.err
    assert "Traceback" not in ended.err
