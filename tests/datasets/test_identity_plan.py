"""Identity and plan: exact JSON forms, clear refusals."""

import hashlib
import json
from dataclasses import replace

import pytest
from sample_stores import make_identity
from vimpac.datasets import PlanItem, StoreError, StoreIdentity, make_plan
from vimpac.datasets.format.plan import Plan


def test_identity_survives_json() -> None:
    identity = make_identity(views=("center", "left"), grids=((4, 4), (2, 3)))
    document = json.loads(json.dumps(identity.to_dict()))
    again = StoreIdentity.from_dict(document)
    assert again == identity
    assert again.to_dict() == identity.to_dict()
    assert again.grid("left") == (2, 3)


def test_versions_are_told_but_not_compared() -> None:
    one = make_identity(versions={"zarr": "3.0"})
    other = make_identity(versions={"zarr": "9.9"})
    assert one == other
    assert one.hash == other.hash
    assert one.differences(other) == []


def test_differences_name_what_differs() -> None:
    one = make_identity()
    other = make_identity(fps=16, tokenizer=replace(one.tokenizer, fingerprint="e" * 64))
    found = one.differences(other)
    assert found[0] == "fps: 2.0 against 16.0"
    assert [line.split(":")[0] for line in found] == ["fps", "tokenizer.fingerprint"]


def test_large_vocabularies_take_wider_codes() -> None:
    tokenizer = make_identity().tokenizer
    assert make_identity(tokenizer=replace(tokenizer, vocabulary=65535)).code_dtype == "uint16"
    assert make_identity(tokenizer=replace(tokenizer, vocabulary=65536)).code_dtype == "uint32"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("fps", "two", "field 'fps' should be float"),
        ("size", True, "field 'size' should be int"),
        ("format_version", 2, "newer than 1"),
        ("views", {}, "views should be distinct"),
        ("views", {"../x": {"grid": [4, 4]}}, "view name"),
        ("views", {"center": {"grid": [4]}}, "rows, columns"),
        ("code_dtype", "object", "code_dtype should be uint16"),
        ("tokenizer", None, "field 'tokenizer' should be dict"),
    ],
)
def test_damaged_identities_are_refused(field: str, value: object, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        StoreIdentity.from_dict(make_identity().to_dict() | {field: value})


def test_plan_splits_in_order_and_survives_json() -> None:
    items = [PlanItem(key=f"k{i}é", source=f"k{i}.mp4") for i in range(7)]
    plan = make_plan(items, 3)
    assert [len(shard) for shard in plan.shards] == [3, 3, 1]
    assert plan.items == items
    assert Plan.from_dict(json.loads(plan.to_bytes())) == plan
    assert plan.hash == hashlib.sha256(plan.to_bytes()).hexdigest()
    assert plan.hash != make_plan(items, 4).hash


@pytest.mark.parametrize(
    ("items", "size", "message"),
    [
        ([], 3, "no videos"),
        ([PlanItem(key="a", source="a")], 0, "at least 1"),
        ([PlanItem(key="a", source="a"), PlanItem(key="a", source="b")], 3, "given to two videos"),
        ([PlanItem(key="", source="a")], 3, "needs a key"),
        ([PlanItem(key="\udcff", source="a")], 3, "valid UTF-8"),
    ],
)
def test_impossible_plans_are_refused(items: list[PlanItem], size: int, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        make_plan(items, size)
