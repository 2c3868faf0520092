"""Cards say what the store holds and what its owner said, in forms that others parse."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from sample_stores import Videos, build
from vimpac.datasets import StoreError, TokenStore, verify, write_card
from vimpac.datasets.format.files import file_sha256

SAID: dict[str, Any] = {
    "title": "Clips | of a team",
    "license": "CC-BY-4.0",
    "license_url": "https://creativecommons.org/licenses/by/4.0/",
    "creators": ("A team", 'Another: "team"'),
    "source": "https://example.org/videos",
    "source_license": "public domain",
    "homepage": "https://example.org/tokens",
    "citation": "@misc{clips, title={Clips}}",
    "published": "2026-01-31",
}


def head_and_body(store: Path) -> tuple[dict[str, Any], str]:
    _, head, body = (store / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(head), body


@pytest.mark.parametrize("form", ["zarr", "webdataset"])
def test_the_readme_has_the_head_and_the_figures(tmp_path: Path, videos: Videos, form: str) -> None:
    store = build(tmp_path / "tokens", videos, form=form)
    card = write_card(store, **SAID)
    head, body = head_and_body(store)
    assert head["license"] == "cc-by-4.0"
    assert head["pretty_name"] == SAID["title"]
    assert head["size_categories"] == ["n<1K"]
    assert ("configs" in head, head.get("viewer")) == (
        (True, None) if form == "webdataset" else (False, False)
    )
    rows = dict(re.findall(r"^\| (.+?) \| (.+) \|$", body, re.MULTILINE))
    summary = TokenStore.open(store).summary()
    assert rows["videos"] == SAID["source"]  # the last table: where they come from
    assert f"| videos | {summary['videos']} |" in body
    assert rows["logical hash"] == summary["logical_hash"]
    assert rows["tokens a frame"] == "4 x 4"
    assert rows["tokenizer's fingerprint"] == "f" * 64
    assert rows["contact"] == "not stated"
    assert SAID["citation"] in body
    assert card.missing == ("description", "contact")
    assert verify(store).ok


def test_what_was_said_is_kept_and_added_to(store_path: Path) -> None:
    write_card(store_path, **SAID)
    card = write_card(store_path, contact="team@example.org", title="Clips")
    assert (card.title, card.contact, card.license) == ("Clips", "team@example.org", "CC-BY-4.0")
    document = json.loads((store_path / "card.json").read_text())
    document["description"] = "Written by hand."
    (store_path / "card.json").write_text(json.dumps(document))
    assert write_card(store_path).missing == ()
    assert "Written by hand." in (store_path / "README.md").read_text()


@pytest.mark.parametrize(
    ("license", "head"),
    [
        ("", {"license": "unknown"}),
        ("Apache-2.0", {"license": "apache-2.0"}),
        ("Team terms", {"license": "other", "license_name": "Team terms"}),
    ],
)
def test_licences_are_told_as_the_hub_has_them(
    store_path: Path, license: str, head: dict[str, str]
) -> None:
    write_card(store_path, license=license)
    assert head.items() <= head_and_body(store_path)[0].items()


def test_croissant_describes_files_and_videos(store_path: Path) -> None:
    write_card(store_path, **SAID)
    document = json.loads((store_path / "croissant.json").read_text())
    assert document["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert document["license"] == SAID["license_url"]
    assert [creator["name"] for creator in document["creator"]] == list(SAID["creators"])
    assert document["isBasedOn"] == SAID["source"]
    files = {entry["@id"]: entry for entry in document["distribution"]}
    for name in ("vimpac.json", "plan.json"):
        assert files[name]["sha256"] == file_sha256(store_path / name)
    assert len(list(store_path.glob(files["commits"]["includes"]))) == 3
    assert list(store_path.glob(files["shards"]["includes"]))
    keys = []
    for field in document["recordSet"][0]["field"]:
        path = re.fullmatch(r"\$\.videos\.(\w+)\[\*\]", field["source"]["extract"]["jsonPath"])
        assert path
        for record in sorted(store_path.glob("commits/*.json")):
            keys += json.loads(record.read_text())["videos"][path[1]]
    store = TokenStore.open(store_path)
    assert keys == [*store.keys, *store.frames.tolist()]


def test_mistakes_are_told(tmp_path: Path, store_path: Path) -> None:
    with pytest.raises(StoreError, match="not a token store"):
        write_card(tmp_path)
    with pytest.raises(StoreError, match="a date as 2026-01-31, found 'soon'"):
        write_card(store_path, published="soon")
    (store_path / "card.json").write_text('{"licence": "MIT"}')
    with pytest.raises(StoreError, match=r"card\.json: no field 'licence': there are"):
        write_card(store_path)
    (store_path / "card.json").unlink()
    (store_path / "README.md").write_text("My own words.")
    with pytest.raises(StoreError, match="not written by this command"):
        write_card(store_path)
    assert (store_path / "README.md").read_text() == "My own words."
    assert not (store_path / "card.json").exists()
