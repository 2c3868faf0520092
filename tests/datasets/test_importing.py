"""Codes extracted elsewhere become a store like any other; what does not fit is told, not taken."""

import io
import os
import zipfile
from pathlib import Path

import lmdb
import numpy as np
import pytest
from numpy.typing import NDArray
from sample_stores import VOCABULARY, make_identity, make_videos
from vimpac.datasets import (
    StoreError,
    TokenStore,
    open_source,
    plan_import,
    run_import,
    stated_fingerprint,
    verify,
)
from vimpac.datasets.importing import sources
from vimpac.datasets.tasks.plain_list import read_plain_list


def npz(**arrays: NDArray[np.generic]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def write_lmdb(path: Path, values: dict[str, bytes]) -> Path:
    with lmdb.open(str(path), map_size=2**26) as database, database.begin(write=True) as writing:
        for key, value in values.items():
            writing.put(key.encode(), value)
    return path


def extracted(count: int = 9) -> dict[str, NDArray[np.int16]]:
    return {key: codes.astype(np.int16) for key, codes in make_videos(count).items()}


def as_vimpac_wrote_them(videos: dict[str, NDArray[np.int16]]) -> dict[str, bytes]:
    labels = enumerate(videos.items())
    return {key: npz(tokens=codes, label=np.array(n % 3, np.int16)) for n, (key, codes) in labels}


def test_an_lmdb_becomes_a_store_and_a_list_of_labels(tmp_path: Path) -> None:
    videos = extracted()
    source = write_lmdb(tmp_path / "lmdb", as_vimpac_wrote_them(videos))
    job = plan_import({"center": open_source(source)}, make_identity(), videos_per_shard=4)
    report = run_import(job, tmp_path / "tokens", labels=tmp_path / "labels.txt")
    assert report == {"videos": 9, "imported": 9, "failed": 0, "failures": [], "labels": 9}
    assert verify(tmp_path / "tokens").ok
    store = TokenStore.open(tmp_path / "tokens")
    for key, codes in videos.items():
        np.testing.assert_array_equal(store.read(key), codes)
    listed = read_plain_list(tmp_path / "labels.txt")
    assert {video.key: int(video.label or -1) for video in listed.videos} == {
        key: number % 3 for number, key in enumerate(videos)
    }
    assert not any(b"label" in file.read_bytes() for file in (tmp_path / "tokens").rglob("*.json"))


def test_a_folder_of_npy_becomes_a_store_without_labels(tmp_path: Path) -> None:
    videos = extracted(4) | {"a.dotted/na.me": extracted(1)["clips/00"]}
    for key, codes in videos.items():
        path = tmp_path / "npy" / f"{key}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, codes.reshape(len(codes), -1) if key == "clips/01" else codes)
    job = plan_import({"center": open_source(tmp_path / "npy")}, make_identity(form="webdataset"))
    report = run_import(job, tmp_path / "tokens", labels=tmp_path / "labels.txt")
    assert (report["imported"], report["labels"]) == (5, 0)
    assert not (tmp_path / "labels.txt").exists()
    store = TokenStore.open(tmp_path / "tokens")
    assert store.identity.form == "webdataset"
    for key, codes in videos.items():
        np.testing.assert_array_equal(store.read(key), codes)


def test_one_database_a_view(tmp_path: Path) -> None:
    center, flipped = extracted(3), {key: codes[..., ::-1] for key, codes in extracted(3).items()}
    names = {"center": center, "center_flip": flipped}
    opened = {
        name: open_source(write_lmdb(tmp_path / name, as_vimpac_wrote_them(videos)))
        for name, videos in names.items()
    }
    run_import(plan_import(opened, make_identity(views=tuple(names))), tmp_path / "tokens")
    store = TokenStore.open(tmp_path / "tokens")
    for name, videos in names.items():
        np.testing.assert_array_equal(store.read("clips/02", name), videos["clips/02"])
    with pytest.raises(StoreError, match="need a source each"):
        plan_import({"center": opened["center"]}, make_identity(views=tuple(names)))


HOSTILE = {
    "not/npz": (b"garbage", "no usable npz"),
    "no/tokens": (npz(codes=np.zeros((2, 4, 4), np.int16)), "no array `tokens`"),
    "floats": (npz(tokens=np.zeros((2, 4, 4))), "float64, not integers"),
    "other/grid": (npz(tokens=np.zeros((2, 5, 5), np.int16)), "(2, 5, 5) is no integer"),
    "past/vocabulary": (npz(tokens=np.full((2, 4, 4), VOCABULARY)), "codes should be in [0, 50)"),
    "negative": (npz(tokens=np.full((2, 4, 4), -1)), "codes should be in [0, 50)"),
}


def with_object_array() -> bytes:
    file = io.BytesIO()
    np.savez(file, tokens=np.array([{"code": 1}], dtype=object), allow_pickle=True)
    return file.getvalue()


def with_lying_header() -> bytes:
    file, header = io.BytesIO(), io.BytesIO()
    shape = {"descr": "<i2", "fortran_order": False, "shape": (10**9, 4, 4)}
    np.lib.format.write_array_header_1_0(header, shape)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("tokens.npy", header.getvalue() + b"\0" * 64)
    return file.getvalue()


def test_what_does_not_fit_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    hostile = HOSTILE | {
        "objects": (with_object_array(), "Python objects, not integers"),
        "terabytes": (with_lying_header(), "its header promises"),
    }
    values = {key: value for key, (value, _) in hostile.items()}
    values |= as_vimpac_wrote_them(extracted(2))
    source = write_lmdb(tmp_path / "lmdb", values)
    job = plan_import({"center": open_source(source)}, make_identity())
    report = run_import(job, tmp_path / "tokens")
    assert (report["imported"], report["failed"]) == (2, len(hostile))
    told = {failure["key"]: failure["detail"] for failure in report["failures"]}
    assert all(says in told[key] for key, (_, says) in hostile.items()), told
    assert verify(tmp_path / "tokens").ok


def test_a_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "LARGEST_ARRAY", 2**16)
    bomb = npz(tokens=np.zeros((2**14, 4, 4), np.int16))
    assert len(bomb) < 2**12
    source = open_source(write_lmdb(tmp_path / "lmdb", {"bomb": bomb}))
    with pytest.raises(StoreError, match="larger than 65536"):
        source.codes("bomb")


def test_an_import_cut_off_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_lmdb(tmp_path / "lmdb", as_vimpac_wrote_them(extracted()))
    job = plan_import({"center": open_source(source)}, make_identity(), videos_per_shard=4)
    shards = 0

    def cut_off() -> None:
        nonlocal shards
        shards += 1
        if shards == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_import(job, tmp_path / "tokens", on_shard=cut_off)
    before = (tmp_path / "tokens/commits/000001.json").stat().st_mtime_ns
    report = run_import(job, tmp_path / "tokens", labels=tmp_path / "labels.txt")
    assert (tmp_path / "tokens/commits/000001.json").stat().st_mtime_ns == before
    assert (report["imported"], report["labels"]) == (9, 9)
    assert verify(tmp_path / "tokens").ok


def test_nothing_usable_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="neither an LMDB"):
        open_source(tmp_path)
    (tmp_path / "file").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="cannot be opened as an LMDB"):
        open_source(tmp_path / "file")
    source = open_source(write_lmdb(tmp_path / "lmdb", {"a": b"garbage"}))
    with pytest.raises(StoreError, match="none of the 1 videos could be imported: a: it is no"):
        run_import(plan_import({"center": source}, make_identity()), tmp_path / "tokens")


def test_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.npy"
    with open(name, "wb") as file:
        np.save(file, np.zeros((1, 4, 4), np.int16))
    with pytest.raises(StoreError, match=r"name is no text: 'caf\\udce9'"):
        plan_import({"center": open_source(tmp_path)}, make_identity())


def test_what_is_stated_stands_for_the_fingerprint() -> None:
    stated = stated_fingerprint("dalle", 8192, 8)
    assert stated == stated_fingerprint("dalle", 8192, 8)
    assert stated.startswith("stated:")
    others = {stated_fingerprint("dalle", 4096, 8), stated_fingerprint("other", 8192, 8)}
    assert len({stated} | others) == 3
