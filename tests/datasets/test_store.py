"""Writing and reading stores."""

import gc
import json
import pickle
import re
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sample_stores import (
    FAILED,
    VOCABULARY,
    Videos,
    build,
    make_full_videos,
    make_identity,
    make_videos,
    plan_for,
    write_one,
    write_tokenizer,
)
from vimpac.datasets import (
    ClipLoader,
    RandomClips,
    ShardWriter,
    SourceInfo,
    StoreError,
    TokenStore,
    VideoFailure,
    commit_shard,
    committed,
    create_store,
    failures,
    verify,
)
from vimpac.datasets.format.files import files_below

DOCUMENT = Path(__file__).parents[2] / "docs" / "store.md"


def contents(path: Path) -> dict[str, bytes]:
    return {name: file.read_bytes() for name, file in files_below(path).items()}


def test_codes_come_back_as_they_went_in(store_path: Path, videos: Videos) -> None:
    store = TokenStore.open(store_path)
    assert list(store.keys) == [key for key in videos if key != FAILED]
    assert store.shard_sizes.tolist() == [4, 3, 2]
    for index, key in enumerate(store.keys):
        codes = store.codes(index)
        assert codes.dtype == np.uint16
        assert np.array_equal(codes, videos[key])
        assert store.frames[index] == len(videos[key])
        assert store.index_of(key) == index
    assert np.array_equal(store.read("clips/09"), videos["clips/09"])
    assert np.array_equal(store.codes(-1), videos["clips/09"])
    assert (store.tokenizer_folder / "config.json").is_file()


def test_clips_are_parts_of_videos(store_path: Path, videos: Videos) -> None:
    store = TokenStore.open(store_path)
    for index, key in enumerate(store.keys):
        for start, frames, stride in ((0, 5, 1), (3, 4, 2), (29, 2, 1), (len(videos[key]), 3, 1)):
            clip = store.clip(index, start, frames, stride)
            assert np.array_equal(clip, videos[key][start::stride][:frames])
    for impossible in ((-1, 2, 1), (0, 0, 1), (0, 2, 0)):
        with pytest.raises(StoreError, match="no clip of"):
            store.clip(0, *impossible)


def test_a_store_tells_what_its_codes_were_made_from(store_path: Path, videos: Videos) -> None:
    store = TokenStore.open(store_path)
    video = store.metadata(4)
    assert (video.key, video.frames) == ("clips/04", len(videos["clips/04"]))
    assert video.source == SourceInfo(fps=25.0, width=64, height=48)


def test_stores_travel_between_processes_without_what_they_read(store_path: Path) -> None:
    store = TokenStore.open(store_path)
    fresh = len(pickle.dumps(store))
    codes = store.codes(0)
    assert len(pickle.dumps(store)) == fresh
    assert np.array_equal(pickle.loads(pickle.dumps(store)).codes(0), codes)


def test_what_is_read_cannot_be_written_to(store_path: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        TokenStore.open(store_path).codes(0)[0] = 1


@pytest.mark.parametrize(
    ("form", "views"), [("zarr", ("center",)), ("zarr", ("full",)), ("webdataset", ("full",))]
)
def test_the_documented_samples_read_a_store_without_us(
    tmp_path: Path, videos: Videos, form: str, views: tuple[str, ...]
) -> None:
    if views == ("full",):
        videos = make_full_videos(9)
    build(tmp_path / "tokens", videos, form=form, views=views)
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    sample = next(block for block in blocks if f"import {form}" in block)
    assert "vimpac" not in sample.replace("vimpac.json", "")
    script = sample + (
        "\nimport sys\n"
        "assert not any(name.startswith('vimpac') for name in sys.modules)\n"
        f"print(json.dumps({{key: v[{views[0]!r}].tolist() for key, v in videos.items()}}))\n"
    )
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    expected = {key: codes.tolist() for key, codes in videos.items() if key != FAILED}
    assert json.loads(done.stdout) == expected


def test_equal_input_gives_equal_bytes(tmp_path: Path, videos: Videos) -> None:
    one, other = build(tmp_path / "one", videos), build(tmp_path / "other", videos)
    assert contents(one) == contents(other)


def test_the_logical_hash_is_free_of_the_split(tmp_path: Path, videos: Videos) -> None:
    def hash_of(name: str, some: Videos, size: int) -> object:
        return TokenStore.open(build(tmp_path / name, some, size)).summary()["logical_hash"]

    backwards = dict(reversed(videos.items()))
    changed = videos | {"clips/03": (videos["clips/03"] + 1) % VOCABULARY}
    assert hash_of("a", videos, 4) == hash_of("b", videos, 7) == hash_of("c", backwards, 3)
    assert hash_of("d", changed, 4) != hash_of("e", videos, 4)


def test_summary_tells_the_figures(store_path: Path, videos: Videos) -> None:
    summary = TokenStore.open(store_path).summary()
    kept = [codes for key, codes in videos.items() if key != FAILED]
    used = {int(code) for codes in kept for code in np.unique(codes)}
    sizes = {name: len(content) for name, content in contents(store_path).items()}
    outside = sum(size for name, size in sizes.items() if not name.startswith("tokenizer/"))
    assert summary["videos"] == 9
    assert summary["failed"] == 1
    assert summary["frames"] == sum(len(codes) for codes in kept)
    assert summary["tokens"] == sum(codes.size for codes in kept)
    assert summary["grid"] == [4, 4]
    assert summary["codebook_use"] == len(used) / VOCABULARY
    assert summary["bytes_on_disk"] == sum(sizes.values())
    assert summary["bytes_per_token"] == outside / sum(codes.size for codes in kept)
    assert json.loads(json.dumps(summary)) == summary


def test_several_views_are_stored_side_by_side(tmp_path: Path) -> None:
    identity = make_identity(views=("center", "wide"), grids=((4, 4), (4, 6)))
    views = {
        view: np.arange(3 * 4 * w).reshape(3, 4, w) % VOCABULARY
        for view, w in (("center", 4), ("wide", 6))
    }
    videos = {"only": views["center"]}
    create_store(tmp_path, identity, plan_for(videos))
    with ShardWriter(tmp_path, 0) as writer:
        writer.add("only", views, SourceInfo())
        commit_shard(tmp_path, 0, writer.finish())
    store = TokenStore.open(tmp_path)
    assert np.array_equal(store.codes(0, "wide"), views["wide"])
    assert np.array_equal(store.codes(0), views["center"])
    with pytest.raises(StoreError, match="no view 'left'"):
        store.codes(0, "left")
    assert verify(tmp_path).ok


@pytest.mark.parametrize(("arrays", "kept"), [(4, {0, 2}), (3, {2}), (1, {2})])
def test_shards_are_closed_by_the_arrays_they_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arrays: int, kept: set[int]
) -> None:
    store = TokenStore.open(build(tmp_path / "full", make_full_videos(10), views=("full",)))
    assert len(store.shard(0).layout.arrays) == 2
    monkeypatch.setattr("vimpac.datasets.store.OPEN_ARRAYS", arrays)
    opened = {place: weakref.ref(store.shard(place)) for place in (0, 1)}
    store.shard(0)
    opened[2] = weakref.ref(store.shard(2))
    gc.collect()
    assert {place for place, shard in opened.items() if shard() is not None} == kept


def test_long_arrays_span_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vimpac.datasets.shards.zarr_form.CHUNKS_PER_FILE", 2)
    monkeypatch.setattr("vimpac.datasets.shards.zarr_form.CHUNK_TOKENS", 128)
    videos = make_videos(6, seed=3)
    path = build(tmp_path / "tokens", videos, 6)
    assert len(list((path / "shards/000000.zarr/codes/center").glob("c.*"))) > 2
    store = TokenStore.open(path)
    assert all(np.array_equal(store.read(key), codes) for key, codes in videos.items())
    assert verify(path).ok


def test_a_run_resumes_where_it_stopped(tmp_path: Path, videos: Videos) -> None:
    whole = build(tmp_path / "whole", videos)
    path, plan = tmp_path / "tokens", plan_for(videos)
    create_store(path, make_identity(), plan, write_tokenizer)
    write_one(path, plan, 1, videos)
    assert TokenStore.open(path).shard_sizes.tolist() == [3]
    create_store(path, make_identity(versions={"zarr": "other"}), plan, write_tokenizer)
    assert [committed(path, shard) for shard in range(3)] == [False, True, False]
    for shard in (2, 0):
        write_one(path, plan, shard, videos)
    assert TokenStore.open(path).shard_sizes.tolist() == [4, 3, 2]
    TokenStore.open(whole)
    assert contents(path) == contents(whole)


def test_a_killed_writer_leaves_nothing_that_counts(tmp_path: Path, videos: Videos) -> None:
    path, plan = tmp_path / "tokens", plan_for(videos)
    create_store(path, make_identity(), plan)
    with ShardWriter(path, 0) as writer:
        writer.add("clips/00", videos["clips/00"], SourceInfo())
        writer.finish()  # moved into place, but never committed
    assert not committed(path, 0)
    with ShardWriter(path, 0) as writer:
        writer.add("clips/00", videos["clips/00"], SourceInfo())  # and never finished
    assert [p.name for p in (path / "shards").iterdir()] == ["000000.zarr"]
    write_one(path, plan, 0, videos)
    assert committed(path, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fps": 16}, "fps: 2.0 against 16.0"),
        ({"size": 64}, "size: 32 against 64"),
        ({"tokenizer": replace(make_identity().tokenizer, fingerprint="0")}, "tokenizer.fing"),
    ],
)
def test_other_options_are_refused(
    store_path: Path, videos: Videos, change: dict[str, object], message: str
) -> None:
    with pytest.raises(StoreError, match=message):
        create_store(store_path, make_identity(**change), plan_for(videos))


def test_another_plan_is_refused(store_path: Path, videos: Videos) -> None:
    with pytest.raises(StoreError, match="planned for other videos"):
        create_store(store_path, make_identity(), plan_for(videos, 5))


def test_folders_with_other_things_are_refused(tmp_path: Path, videos: Videos) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(StoreError, match=r"thesis\.tex"):
        create_store(tmp_path, make_identity(), plan_for(videos))
    with pytest.raises(StoreError, match="is a file"):
        create_store(tmp_path / "thesis.tex", make_identity(), plan_for(videos))


def test_opening_what_is_no_store_is_one_clear_line(tmp_path: Path, videos: Videos) -> None:
    with pytest.raises(StoreError, match="not a token store"):
        TokenStore.open(tmp_path / "nowhere")
    create_store(tmp_path / "new", make_identity(), plan_for(videos))
    with pytest.raises(StoreError, match="no committed shards yet"):
        TokenStore.open(tmp_path / "new")
    identity = tmp_path / "new" / "vimpac.json"
    identity.write_text(identity.read_text().replace('"format_version": 1', '"format_version": 9'))
    with pytest.raises(StoreError, match="newer than 1"):
        TokenStore.open(tmp_path / "new")


def test_failures_are_kept_with_their_reasons(store_path: Path) -> None:
    assert failures(store_path) == [VideoFailure(key=FAILED, reason="decode", detail="bad header")]
    with pytest.raises(StoreError, match="no video 'clips/07'"):
        TokenStore.open(store_path).read(FAILED)


def test_a_shard_of_failures_alone_is_legal(tmp_path: Path) -> None:
    videos = make_videos(9)
    path = build(tmp_path / "tokens", videos, 1)
    store = TokenStore.open(path)
    assert store.shard_sizes.tolist() == [1, 1, 1, 1, 1, 1, 1, 0, 1]
    assert np.array_equal(store.codes(7), videos["clips/08"])
    assert verify(path).ok


def test_commits_must_match_the_plan(tmp_path: Path, videos: Videos) -> None:
    create_store(tmp_path, make_identity(), plan_for(videos))
    with ShardWriter(tmp_path, 0) as writer:
        writer.add("clips/00", videos["clips/00"], SourceInfo())
        with pytest.raises(StoreError, match="not the planned ones"):
            commit_shard(tmp_path, 0, writer.finish())
    assert not committed(tmp_path, 0)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((0, 4, 4), int), "no frames"),
        (np.zeros((2, 4, 5), int), "no integer"),
        (np.zeros((2, 4, 4), float), "no integer"),
        (np.full((2, 4, 4), VOCABULARY), r"in \[0, 50\)"),
        (np.full((2, 4, 4), -1), r"in \[0, 50\)"),
    ],
)
def test_impossible_codes_are_refused(
    tmp_path: Path, videos: Videos, codes: np.ndarray, message: str
) -> None:
    create_store(tmp_path, make_identity(), plan_for(videos))
    with ShardWriter(tmp_path, 0) as writer, pytest.raises(StoreError, match=message):
        writer.add("clips/00", codes, SourceInfo())


@pytest.mark.parametrize("missing", ["", "codes/center", "codes/center/c.0.0.0"])
def test_missing_shards_never_read_as_codes(store_path: Path, missing: str) -> None:
    target = store_path / "shards" / "000001.zarr" / missing
    for path in sorted(target.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    target.rmdir() if target.is_dir() else target.unlink()
    store = TokenStore.open(store_path)
    assert store.codes(0).size
    with pytest.raises(StoreError, match="000001"):
        store.codes(4)
    with pytest.raises(StoreError, match="000001"):
        list(ClipLoader(RandomClips(store, frames=2, stride=1, seed=0), batch_size=9, steps=1))


def test_the_index_is_rebuilt_when_missing_damaged_or_stale(store_path: Path) -> None:
    keys = list(TokenStore.open(store_path).keys)
    index = store_path / "index.safetensors"
    whole = index.read_bytes()
    for damage in (whole[:-1], whole[:-3] + b"xyz", b"", b"\xff" * 100):
        index.write_bytes(damage)
        assert list(TokenStore.open(store_path).keys) == keys
        assert index.read_bytes() == whole
    (store_path / "commits" / "000001.json").unlink()
    assert len(TokenStore.open(store_path)) == 6
