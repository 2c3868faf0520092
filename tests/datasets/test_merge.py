"""Merging is the union: the same logical hash as tokenizing all videos at once, or a clear no."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

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
    plan_merge,
    read_commit,
    run_merge,
    verify,
)
from vimpac.datasets.format.commit import write_commit
from vimpac.datasets.format.files import files_below
from vimpac.datasets.sharing import merge as merging

FORMS = ("zarr", "webdataset")


def merge(*stores: Path, out: Path, link: bool = False, **options: Any) -> dict[str, Any]:
    return run_merge(plan_merge(stores, **options), out, link=link)


def logical_hash(store: Path) -> object:
    return TokenStore.open(store).summary()["logical_hash"]


def halves(videos: Videos, shared: int = 0) -> tuple[Videos, Videos]:
    items = list(videos.items())
    middle = len(items) // 2
    return dict(items[: middle + shared]), dict(items[middle:])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("link", [False, True])
def test_a_merge_is_all_videos_tokenized_at_once(
    tmp_path: Path, videos: Videos, form: str, link: bool
) -> None:
    one, two = halves(videos)
    stores = [build(tmp_path / "one", one, form=form), build(tmp_path / "two", two, 2, form=form)]
    report = merge(*stores, out=tmp_path / "all", link=link)
    whole = build(tmp_path / "whole", videos, form=form)
    assert verify(tmp_path / "all").ok
    assert report["logical_hash"] == logical_hash(tmp_path / "all") == logical_hash(whole)
    assert (report["videos"], report["failed"], report["shards"]) == (9, 1, 5)
    assert (report["copied"], report["rewritten"], report["skipped"]) == (5, 0, 0)
    merged = TokenStore.open(tmp_path / "all")
    for key in set(videos) - {FAILED}:
        np.testing.assert_array_equal(merged.read(key), videos[key])
    assert (tmp_path / "all/tokenizer/config.json").read_text() == '{"kind": "toy"}'


@pytest.mark.parametrize("form", FORMS)
def test_shard_files_are_taken_byte_for_byte(tmp_path: Path, videos: Videos, form: str) -> None:
    one, two = halves(videos)
    first, second = (build(tmp_path / n, v, form=form) for n, v in (("one", one), ("two", two)))
    merge(first, second, out=tmp_path / "all", link=True)
    for number, (store, shard) in enumerate([(first, 0), (first, 1), (second, 0), (second, 1)]):
        before, after = read_commit(store, shard).files, read_commit(tmp_path / "all", number).files
        assert list(before.values()) == list(after.values())
        for old, new in zip(before, after, strict=True):
            assert (store / old).samefile(tmp_path / "all" / new)


def test_whole_frames_merge(tmp_path: Path) -> None:
    videos = make_full_videos(6)
    one, two = halves(videos)
    stores = [build(tmp_path / n, v, views=("full",)) for n, v in (("one", one), ("two", two))]
    report = merge(*stores, out=tmp_path / "all")
    whole = build(tmp_path / "whole", videos, views=("full",))
    assert verify(tmp_path / "all").ok
    assert report["logical_hash"] == logical_hash(whole)


@pytest.mark.parametrize("form", FORMS)
def test_equal_duplicates_are_kept_once_and_told(tmp_path: Path, videos: Videos, form: str) -> None:
    one, two = halves(videos, shared=3)  # clips/05, clips/06 and the failing clips/07
    stores = [build(tmp_path / "one", one, form=form), build(tmp_path / "two", two, form=form)]
    report = merge(*stores, out=tmp_path / "all")
    assert verify(tmp_path / "all").ok
    assert report["logical_hash"] == logical_hash(build(tmp_path / "whole", videos))
    assert (report["copied"], report["rewritten"]) == (3, 1)
    assert report["duplicates"] == [
        {
            "key": key,
            "kept": str(tmp_path / "one"),
            "dropped": str(tmp_path / "two"),
            "same_codes": True,
        }
        for key in ("clips/05", "clips/06")
    ]


def test_a_shard_of_nothing_but_duplicates_is_left_out(tmp_path: Path, videos: Videos) -> None:
    one = build(tmp_path / "one", videos)
    two = build(tmp_path / "two", dict(list(videos.items())[:4]))
    report = merge(one, two, out=tmp_path / "all")
    assert (report["shards"], report["copied"], len(report["duplicates"])) == (3, 3, 4)
    assert verify(tmp_path / "all").ok


def test_codes_stand_in_for_a_failure_elsewhere(tmp_path: Path, videos: Videos) -> None:
    failing = build(tmp_path / "one", videos)
    mended = {FAILED: videos[FAILED]}
    create_store(tmp_path / "two", make_identity(), plan_for(mended))
    with ShardWriter(tmp_path / "two", 0) as writer:
        writer.add(FAILED, mended[FAILED], SourceInfo())
        commit_shard(tmp_path / "two", 0, writer.finish())
    for stores in ((failing, tmp_path / "two"), (tmp_path / "two", failing)):
        out = tmp_path / f"from-{stores[0].name}"
        report = merge(*stores, out=out)
        assert (report["videos"], report["failed"], report["rewritten"]) == (10, 0, 0)
        assert verify(out).ok
        np.testing.assert_array_equal(TokenStore.open(out).read(FAILED), mended[FAILED])


def test_other_codes_under_one_key_are_refused_unless_the_first_is_wanted(tmp_path: Path) -> None:
    one, two = make_videos(3, seed=1), make_videos(4, seed=2)
    stores = [build(tmp_path / "one", one), build(tmp_path / "two", two)]
    with pytest.raises(StoreError, match=r"3 videos .* 'clips/00' .* other codes.*first"):
        merge(*stores, out=tmp_path / "all")
    assert not (tmp_path / "all").exists()
    report = merge(*stores, out=tmp_path / "all", duplicates="first")
    assert {duplicate["same_codes"] for duplicate in report["duplicates"]} == {False}
    merged = TokenStore.open(tmp_path / "all")
    for key, codes in (two | one).items():
        np.testing.assert_array_equal(merged.read(key), codes)


def test_duplicates_can_be_refused_altogether(tmp_path: Path, videos: Videos) -> None:
    stores = [build(tmp_path / name, videos) for name in ("one", "two")]
    with pytest.raises(StoreError, match=r"9 videos .* equal codes.*--duplicates same"):
        merge(*stores, out=tmp_path / "all", duplicates="refuse")
    with pytest.raises(StoreError, match="same, first, refuse, found 'all'"):
        merge(*stores, out=tmp_path / "all", duplicates="all")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"fps": 4.0}, "fps: 2.0 against 4.0"),
        ({"size": 40, "grids": ((4, 4),)}, "size: 32 against 40"),
        ({"steady": 0.5}, "steady: 0.0 against 0.5"),
        ({"tokenizer": "e"}, "tokenizer.fingerprint: f+ against e+"),
        ({"form": "webdataset"}, "as webdataset.*as zarr.*vimpac tokens convert"),
    ],
)
def test_stores_that_do_not_fit_are_refused(
    tmp_path: Path, options: dict[str, Any], says: str
) -> None:
    if "tokenizer" in options:
        options = {"tokenizer": replace(make_identity().tokenizer, fingerprint="e" * 64)}
    stores = [build(tmp_path / "one", make_videos(2))]
    stores.append(build(tmp_path / "two", make_videos(2), **options))
    with pytest.raises(StoreError, match=says):
        plan_merge(stores)


def test_versions_do_not_keep_stores_apart(tmp_path: Path, videos: Videos) -> None:
    one, two = halves(videos)
    stores = [build(tmp_path / "one", one), build(tmp_path / "two", two, versions={"zarr": "9"})]
    merge(*stores, out=tmp_path / "all")
    assert verify(tmp_path / "all").ok


def test_unfinished_stores_are_merged_only_when_asked_for(tmp_path: Path, videos: Videos) -> None:
    one, two = halves(videos)
    stores = [build(tmp_path / "one", one), build(tmp_path / "two", two)]
    (stores[1] / "commits/000001.json").unlink()
    with pytest.raises(StoreError, match=r"two has 1 of 2 shards: finish it first"):
        plan_merge(stores)
    report = merge(*stores, out=tmp_path / "all", partial=True)
    assert report["shards"] == 3
    assert verify(tmp_path / "all").ok


def test_a_merge_needs_two_different_stores_and_a_new_place(tmp_path: Path, videos: Videos) -> None:
    one, two = halves(videos)
    first, second = build(tmp_path / "one", one), build(tmp_path / "two", two)
    with pytest.raises(StoreError, match="two token stores or more"):
        plan_merge([first])
    with pytest.raises(StoreError, match="given twice"):
        plan_merge([first, second, tmp_path / "two" / ".." / "one"])
    with pytest.raises(StoreError, match="is one of the stores to merge"):
        merge(first, second, out=second)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/todo.txt").touch()
    with pytest.raises(StoreError, match="holds other files"):
        merge(first, second, out=tmp_path / "notes")
    with pytest.raises(StoreError, match="not a token store"):
        plan_merge([first, tmp_path / "notes"])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("link", [False, True])
def test_damage_does_not_spread(tmp_path: Path, videos: Videos, form: str, link: bool) -> None:
    one, two = halves(videos)
    stores = [build(tmp_path / "one", one, form=form), build(tmp_path / "two", two, form=form)]
    damaged = max(files_below(stores[1] / "shards").values(), key=lambda file: file.stat().st_size)
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(StoreError, match="does not match its sha256: it is damaged"):
        merge(*stores, out=tmp_path / "all", link=link)
    assert len(list((tmp_path / "all/commits").iterdir())) < 4
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    report = merge(*stores, out=tmp_path / "all", link=link)
    assert report["skipped"] >= 2
    assert verify(tmp_path / "all").ok


def test_a_merge_cut_off_goes_on(
    tmp_path: Path, videos: Videos, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = halves(videos, shared=3)
    stores = [build(tmp_path / "one", one), build(tmp_path / "two", two)]
    received, whole = 0, merging.receive_shard

    def cut_off(*arguments: Any, **options: Any) -> None:
        nonlocal received
        received += 1
        if received > 2:
            raise KeyboardInterrupt
        whole(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(merging, "receive_shard", cut_off)
        with pytest.raises(KeyboardInterrupt):
            merge(*stores, out=tmp_path / "all")
    assert not verify(tmp_path / "all").ok
    report = merge(*stores, out=tmp_path / "all")
    assert (report["skipped"], report["copied"] + report["rewritten"]) == (3, 1)
    assert verify(tmp_path / "all").ok
    assert merge(*stores, out=tmp_path / "all")["skipped"] == 4


def test_merges_at_once_into_one_place_do_not_meet(tmp_path: Path, videos: Videos) -> None:
    one, two = halves(videos, shared=3)
    stores = [build(tmp_path / "one", one), build(tmp_path / "two", two)]
    job = plan_merge(stores)

    def attempt(_: int) -> str:
        try:
            return str(run_merge(job, tmp_path / "all")["videos"])
        except StoreError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        outcomes = set(pool.map(attempt, range(4)))
    assert "9" in outcomes
    assert outcomes <= {"9", f"{tmp_path / 'all'} is being written by another command: wait for it"}
    assert verify(tmp_path / "all").ok
    assert logical_hash(tmp_path / "all") == logical_hash(build(tmp_path / "whole", videos))


def test_a_record_that_names_files_elsewhere_is_refused(tmp_path: Path, videos: Videos) -> None:
    one, two = halves(videos)
    stores = [build(tmp_path / "one", one), build(tmp_path / "two", two)]
    record = read_commit(stores[1], 0)
    file = next(iter(record.files.values()))
    for name in (
        "../../secret",
        "shards/000000.zarr/../../x",
        "/etc/passwd",
        "shards/000001.zarr/x",
    ):
        write_commit(stores[1], replace(record, files=record.files | {name: file}))
        with pytest.raises(StoreError, match="names a file outside of it"):
            merge(*stores, out=tmp_path / "all")
    assert not (tmp_path / "secret").exists()


def test_the_json_form_is_plain(tmp_path: Path, videos: Videos) -> None:
    one, two = halves(videos, shared=2)
    stores = [build(tmp_path / "one", one), build(tmp_path / "two", two)]
    assert json.loads(json.dumps(merge(*stores, out=tmp_path / "all")))["duplicates"]
    shutil.rmtree(tmp_path / "one")
    assert verify(tmp_path / "all").ok
