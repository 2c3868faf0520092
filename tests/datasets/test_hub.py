"""Sharing through a Hugging Face data set repository, seen by its own client."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import FakeHub
from huggingface_hub import HfFileSystem, constants
from sample_stores import Videos, build
from vimpac.datasets import Pull, Push, StoreError, TokenStore, verify, write_card
from vimpac.datasets.format.files import files_below
from vimpac.datasets.sharing.hub import HubDestination

URL = "hf://datasets/team/clips"
# The client hands its uploads over in a way that its own HTTP library has begun to deprecate.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """An empty repository; the client knows no other hub."""
    hub = FakeHub()
    monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
    template = f"{hub.endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setenv("HF_TOKEN", "nobody")
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    HfFileSystem.clear_instance_cache()
    yield hub
    HfFileSystem.clear_instance_cache()
    hub.close()


@pytest.mark.parametrize("form", ["zarr", "webdataset"])
def test_a_store_goes_to_a_repository_and_back(
    tmp_path: Path, videos: Videos, form: str, hub: FakeHub
) -> None:
    store = build(tmp_path / "tokens", videos, form=form)
    write_card(store, license="MIT")
    hub.files[".gitattributes"] = b"*.tar filter=lfs"
    sent = Push(store, URL).run()
    assert sent["sent"] == 3
    assert set(hub.files) - {".gitattributes"} == set(files_below(store))
    assert hub.commits[-1] == ["vimpac.json"]
    assert len(hub.commits) == 5  # documents, shards, their records, index and card, identity
    assert Push(store, URL).run()["files"] == 0
    HfFileSystem.clear_instance_cache()
    assert Pull(URL, tmp_path / "copy").run()["fetched"] == 3
    assert verify(tmp_path / "copy").ok
    one, other = (TokenStore.open(place).summary() for place in (store, tmp_path / "copy"))
    assert one["logical_hash"] == other["logical_hash"]


def test_large_files_are_checked_by_the_hash_the_hub_keeps(
    tmp_path: Path, videos: Videos, hub: FakeHub
) -> None:
    store = build(tmp_path / "tokens", videos, form="webdataset")
    Push(store, URL).run()
    name = "shards/000000.tar"
    assert HubDestination(URL, *file_system()).sha256(name) in hub.large
    hub.files[name] = hub.files[name][:-1] + b"\1"
    HfFileSystem.clear_instance_cache()
    with pytest.raises(StoreError, match="does not match its sha256"):
        Pull(URL, tmp_path / "copy").run()


def file_system() -> tuple[HfFileSystem, str]:
    return HfFileSystem(), "datasets/team/clips"


def test_a_repository_that_is_not_there_is_told(store_path: Path, hub: FakeHub) -> None:
    with pytest.raises(StoreError, match=r"^hf://datasets/team/none[^\n]*$"):
        Push(store_path, "hf://datasets/team/none")
