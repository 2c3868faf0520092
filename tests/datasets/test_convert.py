"""Conversion keeps codes, failures and the logical hash, both ways."""

import shutil
from pathlib import Path

import pytest
from sample_stores import FAILED, Videos, build, make_full_videos
from vimpac.datasets import (
    ShardWriter,
    SourceInfo,
    StoreError,
    TokenStore,
    commit_shard,
    convert,
    failures,
    repair,
    verify,
)
from vimpac.datasets.format.files import files_below
from vimpac.datasets.format.plan import read_plan


def contents(path: Path) -> dict[str, bytes]:
    return {name: file.read_bytes() for name, file in files_below(path).items()}


@pytest.mark.parametrize("full", [False, True])
def test_there_and_back_again(tmp_path: Path, videos: Videos, full: bool) -> None:
    options = {"views": ("full",)} if full else {}
    one = build(tmp_path / "one", make_full_videos(10) if full else videos, **options)
    told: list[tuple[int, int]] = []
    tars = convert(one, tmp_path / "tars", "webdataset", lambda *done: told.append(done))
    again = convert(tmp_path / "tars", tmp_path / "again", "zarr")
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert tars.index.logical_hash == again.index.logical_hash
    assert tars.index.logical_hash == TokenStore.open(one).index.logical_hash
    assert verify(tmp_path / "tars").ok
    assert contents(tmp_path / "again") == contents(one)
    assert [failure.key for failure in failures(tmp_path / "tars")] == [FAILED]
    assert tars.metadata(3) == again.metadata(3)


def test_conversion_goes_on_where_it_stopped(store_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "tars"

    def stop(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(store_path, out, "webdataset", stop)
    first = (out / "shards/000000.tar").stat().st_mtime_ns
    store = convert(store_path, out, "webdataset")
    assert (out / "shards/000000.tar").stat().st_mtime_ns == first
    assert len(store) == 9


def test_damaged_stores_are_not_converted(store_path: Path, tmp_path: Path) -> None:
    one, other = (store_path / f"shards/00000{i}.zarr/codes/center" for i in (0, 1))
    shutil.copy(other / "c.0.0.0", one / "c.0.0.0")
    with pytest.raises(StoreError, match="000000"):
        convert(store_path, tmp_path / "tars", "webdataset")
    with pytest.raises(StoreError, match="one of zarr, webdataset"):
        convert(store_path, tmp_path / "other", "parquet")


def test_a_damaged_tokenizer_is_not_converted(store_path: Path, tmp_path: Path) -> None:
    (store_path / "tokenizer/config.json").write_text("")
    with pytest.raises(StoreError, match=r"tokens: tokenizer/config.json does not match"):
        convert(store_path, tmp_path / "tars", "webdataset")
    assert not (tmp_path / "tars").exists()


def test_a_shard_made_again_is_converted_again(
    store_path: Path, tmp_path: Path, videos: Videos
) -> None:
    out = tmp_path / "tars"
    convert(store_path, out, "webdataset")
    plan = read_plan(store_path)
    with ShardWriter(store_path, 1) as writer:
        for item in plan.shards[1]:
            writer.add(item.key, videos[item.key], SourceInfo())
        commit_shard(store_path, 1, writer.finish())
    others = [(out / f"shards/00000{shard}.tar").stat().st_mtime_ns for shard in (0, 2)]
    again = convert(store_path, out, "webdataset")
    assert failures(out) == []
    assert again.index.logical_hash == TokenStore.open(store_path).index.logical_hash
    assert [(out / f"shards/00000{n}.tar").stat().st_mtime_ns for n in (0, 2)] == others
    assert verify(out).ok


@pytest.mark.parametrize("form", ["zarr", "webdataset"])
def test_repair_drops_the_damaged_and_they_are_made_again(
    tmp_path: Path, videos: Videos, form: str
) -> None:
    path = build(tmp_path / "tokens", videos, form=form)
    TokenStore.open(path)
    whole = contents(path)
    assert repair(path)[1] == ()
    file = next(p for n, p in files_below(path).items() if n.startswith("shards/000001"))
    file.write_bytes(file.read_bytes()[:-1])
    (path / "commits/000002.json").write_bytes(b"{}")
    report, dropped = repair(path)
    assert not report.ok
    assert dropped == ("000001", "000002")
    assert len(TokenStore.open(path)) == 4
    assert {problem.what for problem in verify(path).problems} == {
        "not committed yet: resume `vimpac tokenize`"
    }
    assert repair(path)[1] == ()
    convert(build(tmp_path / "other", videos), path, form)
    assert contents(path) == whole


@pytest.mark.parametrize("kind", ["edited", "cut"])
def test_repair_drops_nothing_because_of_the_plan(store_path: Path, kind: str) -> None:
    plan = store_path / "plan.json"
    whole = plan.read_bytes()
    plan.write_bytes(whole.replace(b"clips/03", b"clips/33") if kind == "edited" else whole[:40])
    before = contents(store_path)
    report, dropped = repair(store_path)
    assert not report.ok
    assert dropped == ()
    assert contents(store_path) == before
    plan.write_bytes(whole)
    assert verify(store_path).ok
