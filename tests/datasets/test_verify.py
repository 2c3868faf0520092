"""Damage of every kind is found, and the shard at fault is named."""

import random
from pathlib import Path
from typing import Any

import pytest
from sample_stores import Videos, build
from vimpac.datasets import StoreError, TokenStore, verify
from vimpac.datasets.format.files import files_below


def shard_of(name: str) -> str | None:
    """Name of the shard a file of a store belongs to."""
    folder, _, rest = name.partition("/")
    return rest[:6] if folder in ("shards", "commits") else None


def test_a_whole_store_has_no_problems(store_path: Path) -> None:
    TokenStore.open(store_path)  # builds the index, which is then verified as well
    assert verify(store_path).to_dict() == {"ok": True, "problems": []}


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a token store"):
        verify(tmp_path)


def damage(path: Path, kind: str, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    if kind == "flip":
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
    elif kind == "truncate":
        path.write_bytes(content[: rng.randrange(len(content))])
    else:
        path.unlink()


@pytest.mark.parametrize("form", ["zarr", "webdataset"])
@pytest.mark.parametrize("kind", ["flip", "truncate", "delete"])
def test_damage_is_found_and_its_shard_named(
    tmp_path: Path, videos: Videos, form: str, kind: str
) -> None:
    """`benchmarks/store_damage.py` does so 500 times."""
    store_path = build(tmp_path / "tokens", videos, form=form)
    TokenStore.open(store_path)
    rng = random.Random(kind)
    harmless = ("index.safetensors", "vimpac.json") if kind == "delete" else ()
    files = {n: p for n, p in files_below(store_path).items() if n not in harmless}
    for name, path in rng.choices(sorted(files.items()), k=10) + sorted(files.items()):
        before = path.read_bytes()
        damage(path, kind, rng)
        report = verify(store_path)
        path.write_bytes(before)
        assert not report.ok, name
        named = {problem.shard for problem in report.problems} - {None}
        assert shard_of(name) is None or named == {shard_of(name)}, name
    assert verify(store_path).ok


def test_missing_shards_and_strange_files_are_found(store_path: Path) -> None:
    (store_path / "commits" / "000002.json").unlink()
    (store_path / "shards" / "000000.zarr" / "extra").touch()
    found = {(problem.shard, problem.what) for problem in verify(store_path).problems}
    assert found == {
        ("000000", "shards/000000.zarr/extra is not in the commit record"),
        ("000002", "not committed yet: resume `vimpac tokenize`"),
    }


def test_a_swapped_shard_is_found(store_path: Path) -> None:
    one, other = (store_path / "shards" / f"00000{i}.zarr" for i in (0, 1))
    one.rename(store_path / "shards" / "x")
    other.rename(one)
    (store_path / "shards" / "x").rename(other)
    assert {problem.shard for problem in verify(store_path).problems} == {"000000", "000001"}


@pytest.mark.parametrize(
    ("name", "options"), [("plan.json", {"videos_per_shard": 5}), ("vimpac.json", {"fps": 4.0})]
)
def test_a_file_of_another_store_is_at_fault_itself(
    tmp_path: Path, store_path: Path, videos: Videos, name: str, options: dict[str, Any]
) -> None:
    TokenStore.open(store_path)
    other = build(tmp_path / "other", videos, **options)
    (store_path / name).write_bytes((other / name).read_bytes())
    (store_path / "commits/000001.json").write_bytes(b"{}")
    (problem,) = verify(store_path).problems
    assert problem.shard is None
    assert f"{name} is not the one its shards were made for" in problem.what


def test_records_made_for_another_plan_are_at_fault_where_some_agree(
    tmp_path: Path, store_path: Path, videos: Videos
) -> None:
    other = build(tmp_path / "other", videos, videos_per_shard=5)
    for shard in (0, 1):
        name = f"commits/00000{shard}.json"
        (store_path / name).write_bytes((other / name).read_bytes())
    found = {(problem.shard, problem.what) for problem in verify(store_path).problems}
    assert {shard for shard, _ in found} == {"000000", "000001"}
    assert ("000000", "made for another plan than plan.json") in found
