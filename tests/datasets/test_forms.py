"""Both forms of token shard hold the same, and so does the view whose grid is each video's own."""

import tarfile
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sample_stores import (
    FAILED,
    Videos,
    build,
    make_full_videos,
    make_identity,
    make_videos,
    plan_for,
)
from vimpac.datasets import (
    ShardWriter,
    SourceInfo,
    StoreError,
    TokenStore,
    commit_shard,
    create_store,
    verify,
)
from vimpac.datasets.format.files import files_below

FORMS = ("zarr", "webdataset")


def with_plain_webdataset(path: Path) -> dict[str, dict[str, object]]:
    """Samples of a tar shard by key, read with the library `webdataset` alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import webdataset

        samples = webdataset.WebDataset(str(path), shardshuffle=False).decode()
        return {sample["json"]["key"]: sample for sample in samples}


def test_plain_webdataset_reads_a_tar_shard(tmp_path: Path, videos: Videos) -> None:
    path = build(tmp_path / "tokens", videos, 10, "webdataset")
    samples = with_plain_webdataset(path / "shards/000000.tar")
    assert list(samples) == [key for key in videos if key != FAILED]
    for key, sample in samples.items():
        assert sample["center.npy"].dtype == np.uint16
        assert np.array_equal(sample["center.npy"], videos[key])
        assert sample["json"]["frames"] == len(videos[key])
        assert sample["json"]["source"]["width"] == 64


def test_tar_shards_are_as_python_would_write_them(tmp_path: Path, videos: Videos) -> None:
    one = build(tmp_path / "one", videos, 4, "webdataset")
    other = build(tmp_path / "other", videos, 4, "webdataset")
    for name, path in files_below(one).items():
        assert path.read_bytes() == (other / name).read_bytes(), name
    with tarfile.open(one / "shards/000001.tar") as tar:
        members = tar.getmembers()
    assert [m.name.partition(".")[2] for m in members] == ["center.npy", "json"] * 3
    assert {(m.mtime, m.uid, m.uname, m.type) for m in members} == {(0, 0, "", tarfile.REGTYPE)}


@pytest.mark.parametrize("form", FORMS)
def test_forms_hold_the_same(tmp_path: Path, videos: Videos, form: str) -> None:
    path = build(tmp_path / form, videos, form=form)
    store = TokenStore.open(path)
    assert store.identity.form == form
    assert all(np.array_equal(store.read(key), videos[key]) for key in store.keys)
    assert store.identity.hash == make_identity().hash
    assert (
        store.summary()["logical_hash"]
        == (TokenStore.open(build(tmp_path / "plain", videos, 7)).summary()["logical_hash"])
    )
    assert verify(path).ok


@pytest.mark.parametrize("form", FORMS)
def test_whole_frames_keep_the_grid_of_each_video(tmp_path: Path, form: str) -> None:
    videos = make_full_videos(9)
    path = build(tmp_path / "tokens", videos, 5, form, views=("full",))
    store = TokenStore.open(path)
    assert all(np.array_equal(store.read(key), videos[key]) for key in store.keys)
    assert store.identity.grids == (None,)
    assert store.identity.grid() == (4, 4)
    assert store.index.grids.tolist() == [list(videos[key].shape[1:]) for key in store.keys]
    tokens = sum(codes.size for key, codes in videos.items() if key != FAILED)
    assert store.summary()["tokens"] == tokens
    assert verify(path).ok


def test_whole_frames_of_one_grid_share_an_array(tmp_path: Path) -> None:
    path = build(tmp_path / "tokens", make_full_videos(7), 7, views=("full",))
    arrays = {p.name for p in (path / "shards/000000.zarr/codes/full").iterdir()}
    assert {name for name in arrays if name != "zarr.json"} == {"4x6", "7x4"}


def test_whole_frames_beside_a_crop(tmp_path: Path) -> None:
    whole = make_full_videos(4)
    plan = plan_for(whole)
    create_store(tmp_path, make_identity(views=("center", "full")), plan, form="webdataset")
    with ShardWriter(tmp_path, 0) as writer:
        for key, codes in whole.items():
            writer.add(key, {"full": codes, "center": codes[:, :4, :4]}, SourceInfo())
        commit_shard(tmp_path, 0, writer.finish())
    store = TokenStore.open(tmp_path)
    for number, codes in enumerate(whole.values()):
        assert np.array_equal(store.codes(number), codes[:, :4, :4])
        assert np.array_equal(store.codes(number, "full"), codes)
    assert verify(tmp_path).ok


@pytest.mark.parametrize("form", FORMS)
def test_large_vocabularies_are_stored_whole(tmp_path: Path, form: str) -> None:
    tokenizer = replace(make_identity().tokenizer, vocabulary=65536)
    codes = np.arange(65536 - 160, 65536).reshape(10, 4, 4)
    path = build(tmp_path / "tokens", {"a": codes}, form=form, tokenizer=tokenizer)
    store = TokenStore.open(path)
    assert store.codes(0).dtype == np.uint32
    assert np.array_equal(store.codes(0), codes)
    assert verify(path).ok


def test_a_store_keeps_its_form(tmp_path: Path) -> None:
    videos = make_videos(3)
    path = build(tmp_path / "tokens", videos, form="webdataset")
    with pytest.raises(StoreError, match="keeps its shards as webdataset, not as zarr"):
        build(path, videos)
    with pytest.raises(StoreError, match="one of zarr, webdataset"):
        build(tmp_path / "other", videos, form="parquet")
