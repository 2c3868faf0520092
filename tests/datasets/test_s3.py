"""Sharing through an S3-compatible server on this machine, cut off midway and gone on with."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import fsspec
import pytest
from moto.server import ThreadedMotoServer
from sample_stores import Videos, build, make_videos
from vimpac.datasets import Pull, Push, StoreError, TokenStore, verify
from vimpac.datasets.sharing.destination import FileSystemDestination

URL = "s3://shared/team/tokens"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedMotoServer]:
    """An empty bucket named `shared`; credentials that open nothing else."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    bucket = boto3.resource("s3").create_bucket(Bucket="shared")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    yield server
    bucket.objects.all().delete()
    server.stop()


def logical_hash(place: str | Path) -> object:
    return TokenStore.open(place).summary()["logical_hash"]


@pytest.mark.parametrize("form", ["zarr", "webdataset"])
@pytest.mark.usefixtures("server")
def test_a_push_cut_off_midway_goes_on_and_the_copy_is_whole(
    tmp_path: Path, videos: Videos, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = build(tmp_path / "tokens", videos, form=form)
    whole, sends = FileSystemDestination.send, 0

    def cut_off(self: FileSystemDestination, store: Path, names: list[str]) -> None:
        nonlocal sends
        sends += 1
        if sends == 5:
            whole(self, store, names[:1])
            raise ConnectionResetError("the line went dead")
        whole(self, store, names)

    monkeypatch.setattr(FileSystemDestination, "shards_at_once", 1)
    with monkeypatch.context() as patch:
        patch.setattr(FileSystemDestination, "send", cut_off)
        with pytest.raises(ConnectionResetError):
            Push(store, URL).run()
    with pytest.raises(StoreError, match="not a token store"):
        Pull(URL, tmp_path / "copy")
    again = Push(store, URL).run()
    assert 0 < again["sent"] < again["shards"]
    assert Push(store, URL).run()["files"] == 0
    fetched = Pull(URL, tmp_path / "copy").run()
    assert (fetched["fetched"], fetched["skipped"]) == (3, 0)
    assert verify(tmp_path / "copy").ok
    assert logical_hash(tmp_path / "copy") == logical_hash(store) == logical_hash(URL)


def test_a_server_that_goes_away_is_told_in_one_line(
    tmp_path: Path, store_path: Path, server: ThreadedMotoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    sending = Push(store_path, URL)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    with pytest.raises(StoreError, match=r"^s3://shared/team/tokens: [^\n]+$"):
        Push(store_path, URL)
    assert sending.run()["sent"] == 3


@pytest.mark.usefixtures("server")
def test_places_that_do_not_fit_are_refused(tmp_path: Path, store_path: Path) -> None:
    with pytest.raises(StoreError, match="s3://nowhere/tokens: "):
        Push(store_path, "s3://nowhere/tokens").run()
    boto3.resource("s3").Object("shared", "team/tokens/notes.txt").put(Body=b"mine")
    with pytest.raises(StoreError, match=r"holds other files \(notes.txt\)"):
        Push(store_path, URL)
    Push(store_path, "s3://shared/other").run()
    another = build(tmp_path / "another", make_videos(4), fps=4.0)
    with pytest.raises(StoreError, match=r"another store \(fps: 2.0 against 4.0\)"):
        Push(another, "s3://shared/other")
