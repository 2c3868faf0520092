"""Copies arrive whole or are no stores; only what is missing moves; nothing wrong is taken."""

import errno
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sample_stores import Videos, build, make_videos
from vimpac.datasets import Pull, Push, StoreError, TokenStore, read_commit, verify, write_card
from vimpac.datasets.format.commit import write_commit
from vimpac.datasets.format.files import file_sha256, files_below
from vimpac.datasets.sharing import arrival
from vimpac.datasets.sharing.destination import FolderDestination
from vimpac.datasets.verify import tokenizer_problems

FORMS = ("zarr", "webdataset")


def push(store: Path, url: str | Path, **options: Any) -> dict[str, Any]:
    return Push(store, str(url), **options).run()


def pull(url: str | Path, out: Path) -> dict[str, Any]:
    return Pull(str(url), out).run()


def content(folder: Path) -> dict[str, bytes]:
    """Every file but the index, which is built again where it is missing."""
    files = {name: path.read_bytes() for name, path in files_below(folder).items()}
    return {name: data for name, data in files.items() if name != "index.safetensors"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scheme", ["", "file://"])
def test_there_and_back_again(tmp_path: Path, videos: Videos, form: str, scheme: str) -> None:
    store = build(tmp_path / "tokens", videos, form=form)
    write_card(store, license="CC-BY-4.0", published="2026-01-31")
    url = f"{scheme}{tmp_path / 'shared'}"
    sent = push(store, url)
    assert (sent["shards"], sent["sent"], sent["skipped"]) == (3, 3, 0)
    assert content(tmp_path / "shared") == content(store)
    assert sent["files"] == len(content(store)) + 1
    assert sent["bytes"] == sum(file.stat().st_size for file in files_below(store).values())
    fetched = pull(url, tmp_path / "copy")
    assert (fetched["shards"], fetched["fetched"], fetched["skipped"]) == (3, 3, 0)
    assert content(tmp_path / "copy") == content(store)
    assert verify(tmp_path / "copy").ok


def test_a_second_time_nothing_moves(tmp_path: Path, store_path: Path) -> None:
    push(store_path, tmp_path / "shared")
    again = push(store_path, tmp_path / "shared")
    assert (again["sent"], again["skipped"], again["files"], again["bytes"]) == (0, 3, 0, 0)
    pull(tmp_path / "shared", tmp_path / "copy")
    again = pull(tmp_path / "shared", tmp_path / "copy")
    assert (again["fetched"], again["skipped"], again["bytes"]) == (0, 3, 0)


def test_a_store_that_grew_sends_what_is_new(tmp_path: Path, store_path: Path) -> None:
    grown = shutil.copytree(store_path, tmp_path / "grown")
    (store_path / "commits/000002.json").unlink()
    push(store_path, tmp_path / "shared")
    assert len(TokenStore.open(tmp_path / "shared")) == 7
    more = push(grown, tmp_path / "shared")
    assert (more["sent"], more["skipped"]) == (1, 2)
    assert verify(tmp_path / "shared").ok
    assert len(TokenStore.open(tmp_path / "shared")) == 9


class CutOff(Exception):
    """The line went dead."""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("after", range(5))
def test_a_push_cut_off_goes_on(
    tmp_path: Path, videos: Videos, form: str, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = build(tmp_path / "tokens", videos, form=form)
    sends, whole = 0, FolderDestination.send

    def cut_off(self: FolderDestination, store: Path, names: list[str]) -> None:
        nonlocal sends
        sends += 1
        if sends > after:
            whole(self, store, names[: len(names) // 2])
            raise CutOff
        whole(self, store, names)

    monkeypatch.setattr(FolderDestination, "shards_at_once", 1)
    with monkeypatch.context() as patch:
        patch.setattr(FolderDestination, "send", cut_off)
        with pytest.raises(CutOff):
            push(store, tmp_path / "shared")
    with pytest.raises(StoreError, match="not a token store"):
        verify(tmp_path / "shared")
    with pytest.raises(StoreError, match="not a token store"):
        Pull(str(tmp_path / "shared"), tmp_path / "copy")
    before = len(content(tmp_path / "shared"))
    again = push(store, tmp_path / "shared")
    assert again["files"] == len(content(store)) + 1 - before
    assert content(tmp_path / "shared") == content(store)


@pytest.mark.parametrize("form", FORMS)
def test_a_pull_cut_off_goes_on(
    tmp_path: Path, videos: Videos, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = build(tmp_path / "tokens", videos, form=form)
    files, whole = 0, arrival.receive_file

    def cut_off(*arguments: Any, **options: Any) -> None:
        nonlocal files
        files += 1
        if files == 2:
            raise CutOff
        whole(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(arrival, "receive_file", cut_off)
        with pytest.raises(CutOff):
            pull(store, tmp_path / "copy")
    with pytest.raises(StoreError, match="not a token store"):
        verify(tmp_path / "copy")
    committed = len(list((tmp_path / "copy/commits").glob("*.json")))
    again = pull(store, tmp_path / "copy")
    assert again["skipped"] == committed
    assert content(tmp_path / "copy") == content(store)
    assert verify(tmp_path / "copy").ok


def test_another_store_is_never_written_over(tmp_path: Path, store_path: Path) -> None:
    others = {
        "other options": (build(tmp_path / "fps", make_videos(4), fps=4.0), "fps: 2.0 against 4.0"),
        "other form": (build(tmp_path / "form", make_videos(10), form="webdataset"), "webdataset"),
        "other videos": (build(tmp_path / "videos", make_videos(4)), "other videos|planned for"),
    }
    for other, says in others.values():
        before = content(other)
        with pytest.raises(StoreError, match="holds"):
            Push(store_path, str(other))
        with pytest.raises(StoreError, match=says.replace("2.0 against 4.0", "4.0 against 2.0")):
            Pull(str(store_path), other)
        assert content(other) == before


def test_other_files_are_never_mixed_with(tmp_path: Path, store_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/todo.txt").touch()
    with pytest.raises(StoreError, match=r"holds other files \(todo.txt\)"):
        Push(store_path, str(tmp_path / "notes"))
    with pytest.raises(StoreError, match="holds other files"):
        Pull(str(store_path), tmp_path / "notes")


def test_parts_of_another_store_are_not_gone_on_with(tmp_path: Path, store_path: Path) -> None:
    shutil.copytree(build(tmp_path / "other", make_videos(4)), tmp_path / "begun")
    (tmp_path / "begun/vimpac.json").unlink()
    with pytest.raises(StoreError, match="store of other videos"):
        Push(store_path, str(tmp_path / "begun"))
    with pytest.raises(StoreError, match="parts of another store"):
        Pull(str(store_path), tmp_path / "begun")


def damage(path: Path) -> None:
    changed = bytearray(path.read_bytes())
    changed[len(changed) // 2] ^= 1
    path.write_bytes(changed)


@pytest.mark.parametrize("form", FORMS)
def test_damage_on_either_side_is_told_apart(
    tmp_path: Path, videos: Videos, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = build(tmp_path / "tokens", videos, form=form)
    damaged = shutil.copytree(store, tmp_path / "damaged")
    damage(max(files_below(damaged / "shards").values(), key=os.path.getsize))
    with pytest.raises(StoreError, match=f"{damaged}.*does not match its sha256"):
        push(damaged, tmp_path / "one")
    with pytest.raises(StoreError, match=f"{damaged}.*does not match its sha256"):
        pull(damaged, tmp_path / "two")
    whole = FolderDestination.send

    def damaging(self: FolderDestination, store: Path, names: list[str]) -> None:
        whole(self, store, names)
        damage(self.folder / names[-1])

    monkeypatch.setattr(FolderDestination, "send", damaging)
    with pytest.raises(StoreError, match=r"arrived damaged at .*: push again"):
        push(store, tmp_path / "three")
    monkeypatch.undo()
    push(store, tmp_path / "three")
    assert verify(tmp_path / "three").ok


@pytest.mark.parametrize(
    ("folder", "says"),
    [
        ("commits", "does not match its own hash|cannot be read as JSON"),
        ("tokenizer", "does not match its sha256"),
        ("", "does not match its own hash|cannot be read|JSON|planned|another plan|wrong"),
    ],
)
def test_damaged_documents_are_not_taken(
    tmp_path: Path, store_path: Path, folder: str, says: str
) -> None:
    for path in sorted((store_path / folder).iterdir()):
        if path.is_dir() or path.name == "index.safetensors":
            continue
        before = path.read_bytes()
        damage(path)
        with pytest.raises(StoreError, match=says):
            pull(store_path, tmp_path / "copy")
        path.write_bytes(before)
        assert not (tmp_path / "copy/vimpac.json").exists()
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("tokenizer/config.json", "tokenizer/config.json does not match its sha256"),
        ("plan.json", "plan.json: .*|shard 000000: (made for another plan|its videos)"),
        ("commits/000002.json", "commit record of shard 000002 is not usable"),
    ],
)
def test_damaged_documents_are_not_sent(
    tmp_path: Path, store_path: Path, name: str, says: str
) -> None:
    push(store_path, tmp_path / "shared")
    before, whole = content(tmp_path / "shared"), (store_path / name).read_bytes()
    for wrong in (whole[:-9], whole.replace(b"clips", b"chips").replace(b"toy", b"boy")):
        (store_path / name).write_bytes(wrong)
        for place in ("shared", "new"):
            with pytest.raises(StoreError, match=says):
                push(store_path, tmp_path / place)
    assert content(tmp_path / "shared") == before
    assert not content(tmp_path / "new")


def test_a_damaged_copy_is_mended_by_pulling_again(tmp_path: Path, store_path: Path) -> None:
    pull(store_path, tmp_path / "copy")
    damage(next((tmp_path / "copy/shards/000001.zarr").rglob("c.*")))
    assert not verify(tmp_path / "copy").ok
    again = pull(store_path, tmp_path / "copy")
    assert (again["fetched"], again["skipped"]) == (1, 2)
    assert verify(tmp_path / "copy").ok


@pytest.mark.parametrize("kind", ["damaged", "of another store"])
@pytest.mark.parametrize("begun", [False, True])
def test_a_wrong_tokenizer_is_replaced_by_pulling(
    tmp_path: Path, store_path: Path, kind: str, begun: bool
) -> None:
    copy = tmp_path / "copy"
    pull(store_path, copy)
    if begun:
        (copy / "vimpac.json").unlink()
    (copy / "tokenizer/config.json").write_text('{"kind": "another"}')
    if kind == "of another store":
        sha256 = file_sha256(copy / "tokenizer/config.json")
        (copy / "tokenizer/SHA256SUMS").write_text(f"{sha256}  config.json\n")
        assert tokenizer_problems(copy / "tokenizer") == []
    pull(store_path, copy)
    assert content(copy) == content(store_path)


def test_a_tokenizer_is_not_kept_where_the_source_has_none(
    tmp_path: Path, store_path: Path
) -> None:
    shutil.copytree(store_path / "tokenizer", tmp_path / "copy/tokenizer")
    shutil.rmtree(store_path / "tokenizer")
    with pytest.raises(StoreError, match=r"copy holds a tokenizer, .*tokens none"):
        pull(store_path, tmp_path / "copy")


def test_a_truncated_plan_is_not_taken(tmp_path: Path, store_path: Path) -> None:
    plan = store_path / "plan.json"
    plan.write_bytes(plan.read_bytes()[:-9])
    with pytest.raises(StoreError, match=r"tokens: plan.json: .*JSON"):
        pull(store_path, tmp_path / "copy")


def test_names_that_lead_out_of_the_store_are_refused(tmp_path: Path, store_path: Path) -> None:
    record = read_commit(store_path, 1)
    secret = tmp_path / "secret"
    secret.write_text("from outside")
    file = next(iter(record.files.values()))
    for name in ("../secret", "shards/000001.zarr/../../../secret", str(secret), "vimpac.json"):
        write_commit(store_path, replace(record, files=record.files | {name: file}))
        with pytest.raises(StoreError, match=r"shard 000001.*names a file outside"):
            pull(store_path, tmp_path / "copy")
    assert secret.read_text() == "from outside"
    assert not (tmp_path / "copy/vimpac.json").exists()


def test_what_is_not_there_cannot_be_pulled(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a token store"):
        Pull(str(tmp_path / "none"), tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("url", ["pipe:cat /etc/passwd", "nonsense://bucket/tokens", "pipe://ls"])
def test_urls_that_name_no_place_are_refused(tmp_path: Path, store_path: Path, url: str) -> None:
    for attempt in (lambda: Push(store_path, url), lambda: Pull(url, tmp_path / "copy")):
        with pytest.raises(StoreError, match="names no place"):
            attempt()


def test_a_full_disk_is_told_and_leaves_no_store(
    tmp_path: Path, store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(arrival, "sync_tree", full)
    with pytest.raises(OSError, match="No space left"):
        pull(store_path, tmp_path / "copy")
    assert not (tmp_path / "copy/vimpac.json").exists()
    assert not list((tmp_path / "copy").rglob(".tmp+*"))


def test_pulls_at_once_into_one_place_do_not_meet(tmp_path: Path, store_path: Path) -> None:
    def attempt(_: int) -> str:
        try:
            return str(pull(store_path, tmp_path / "copy")["shards"])
        except StoreError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        outcomes = set(pool.map(attempt, range(4)))
    assert "3" in outcomes
    assert all(outcome == "3" or "written by another command" in outcome for outcome in outcomes)
    assert verify(tmp_path / "copy").ok
    assert content(tmp_path / "copy") == content(store_path)


def test_pushes_at_once_to_one_place_agree(tmp_path: Path, store_path: Path) -> None:
    TokenStore.open(store_path)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: push(store_path, tmp_path / "shared"), range(4)))
    assert verify(tmp_path / "shared").ok


def test_reports_are_plain_json(tmp_path: Path, store_path: Path) -> None:
    sent = push(store_path, tmp_path / "shared", read_back=False)
    assert json.loads(json.dumps(sent)) == sent
    assert verify(tmp_path / "shared").ok


def test_an_empty_store_is_not_pushed(tmp_path: Path, store_path: Path) -> None:
    shutil.rmtree(store_path / "commits")
    with pytest.raises(StoreError, match="no committed shards"):
        Push(store_path, str(tmp_path / "shared"))


def test_without_reading_back_both_sides_are_still_checked(
    tmp_path: Path, store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = FolderDestination.send

    def cutting(self: FolderDestination, store: Path, names: list[str]) -> None:
        whole(self, store, names)
        os.truncate(self.folder / names[0], 1)

    with monkeypatch.context() as patch:
        patch.setattr(FolderDestination, "send", cutting)
        with pytest.raises(StoreError, match=r"did not arrive whole at .*: push again"):
            push(store_path, tmp_path / "shared", read_back=False)
    assert not (tmp_path / "shared/vimpac.json").exists()
    damage(next((store_path / "shards").rglob("c.*")))
    with pytest.raises(StoreError, match="does not match its sha256"):
        push(store_path, tmp_path / "other", read_back=False)


def test_a_store_that_may_only_be_read_is_shared(tmp_path: Path, store_path: Path) -> None:
    for path in (store_path, *store_path.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    push(store_path, tmp_path / "shared")
    pull(store_path, tmp_path / "copy")
    assert verify(tmp_path / "shared").ok
    assert verify(tmp_path / "copy").ok
    for path in (store_path, *store_path.rglob("*")):
        path.chmod(0o755)
