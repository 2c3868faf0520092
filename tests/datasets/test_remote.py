"""Stores behind URLs read as those of a folder, with a local cache or without."""

import pickle
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import fsspec
import numpy as np
import pytest
from sample_stores import Videos, build
from vimpac.datasets import ClipLoader, RandomClips, StoreError, TokenStore, measure_entropy
from vimpac.datasets.format.access import open_files
from vimpac.datasets.format.files import files_below

URL = "memory://remote/tokens"


@pytest.fixture(params=["zarr", "webdataset"])
def local(request: pytest.FixtureRequest, tmp_path: Path, videos: Videos) -> Iterator[Path]:
    """A store in a folder, and a copy of it at `URL`."""
    path = build(tmp_path / "tokens", videos, form=request.param)
    TokenStore.open(path)
    upload(path)
    yield path
    fsspec.filesystem("memory").rm("/remote", recursive=True)


def upload(path: Path) -> None:
    system = fsspec.filesystem("memory")
    for name, file in files_below(path).items():
        system.pipe_file(f"/remote/tokens/{name}", file.read_bytes())


def test_urls_read_as_folders(local: Path, videos: Videos) -> None:
    store = TokenStore.open(URL)
    assert store.path == URL
    assert list(store.keys) == list(TokenStore.open(local).keys)
    for index, key in enumerate(store.keys):
        assert np.array_equal(store.codes(index), videos[key])
        assert np.array_equal(store.clip(index, 1, 2), videos[key][1:3])
    assert store.metadata(3) == TokenStore.open(local).metadata(3)
    assert (store.tokenizer_folder / "config.json").read_text() == '{"kind": "toy"}'
    assert np.array_equal(pickle.loads(pickle.dumps(store)).codes(1), store.codes(1))


def test_training_from_a_url_is_the_same(local: Path) -> None:
    def batches(store: TokenStore) -> list[list[int]]:
        clips = RandomClips(store, frames=3, stride=1, seed=0)
        return [b["clips"].flatten().tolist() for b in ClipLoader(clips, batch_size=4, steps=3)]

    assert batches(TokenStore.open(URL)) == batches(TokenStore.open(local))


def test_the_cache_is_used_as_long_as_the_store_is_the_same(
    local: Path, videos: Videos, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    store = TokenStore.open(URL, cache=cache)
    assert np.array_equal(store.codes(0), videos[store.keys[0]])
    copies = files_below(cache)
    assert copies
    assert all("/shards/000000" in name for name in copies)
    fsspec.filesystem("memory").rm("/remote/tokens/shards", recursive=True)
    again = TokenStore.open(URL, cache=cache)
    assert np.array_equal(again.codes(1), videos[store.keys[1]])
    with pytest.raises(StoreError, match=r"000002.*is missing"):
        again.codes(8)
    (local / "commits/000002.json").unlink()
    TokenStore.open(local)
    fsspec.filesystem("memory").rm("/remote/tokens", recursive=True)
    upload(local)
    assert np.array_equal(TokenStore.open(URL, cache=cache).codes(0), videos[store.keys[0]])
    assert len(list(cache.iterdir())) == 2


class Quiet(SimpleHTTPRequestHandler):
    """Python's own server: it lists names without sizes and knows no ranges."""

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep still."""


@pytest.fixture
def web(tmp_path: Path, videos: Videos) -> Iterator[str]:
    """URL of a store in `tokens` on a web server."""
    TokenStore.open(build(tmp_path / "tokens", videos))
    answer = partial(Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/tokens"
        server.shutdown()


def test_a_store_is_read_from_a_web_server(web: str, tmp_path: Path, videos: Videos) -> None:
    store, local = TokenStore.open(web), TokenStore.open(tmp_path / "tokens")
    assert store.index.signature == local.index.signature
    for index, key in enumerate(store.keys):
        assert np.array_equal(store.codes(index), videos[key])
    assert store.summary() == local.summary()
    assert measure_entropy(store) == measure_entropy(local)


def test_a_file_without_a_size_is_one_clear_line(
    local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [{"name": "/a", "size": None, "type": "file"}]
    system = type(fsspec.filesystem("memory"))
    monkeypatch.setattr(system, "ls", lambda *_, **__: listed)
    monkeypatch.setattr(system, "size", lambda *_: None)
    with pytest.raises(StoreError, match="/a cannot be read: its server does not tell its size"):
        open_files(URL).sizes("commits")


def test_what_is_not_there_is_one_clear_line() -> None:
    with pytest.raises(StoreError, match="memory://nowhere is not a token store"):
        TokenStore.open("memory://nowhere")
