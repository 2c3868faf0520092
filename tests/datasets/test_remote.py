"""Stores behind URLs read as those of a folder, with a local cache or without."""

import pickle
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
from sample_stores import Videos, build
from vimpac.datasets import ClipLoader, RandomClips, StoreError, TokenStore
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


def test_what_is_not_there_is_one_clear_line() -> None:
    with pytest.raises(StoreError, match="memory://nowhere is not a token store"):
        TokenStore.open("memory://nowhere")
