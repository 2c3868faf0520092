"""What strangers may put into a store: one clear line, nothing run, memory bounded."""

import json
import pickle
import struct
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import google_crc32c
import numpy as np
import pytest
import zstandard
from sample_stores import build, make_videos
from vimpac.datasets import StoreError, TokenStore, convert, verify
from vimpac.datasets.format.access import open_files

MEMORY = 64 * 2**20
"""Bytes that reading a hostile store of a few kilobytes may take at most."""

BOMB = 2**27

CODES = "shards/000000.zarr/codes/center"


class Touch:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


def edit_metadata(path: Path, **changes: object) -> None:
    """Change fields of an array's `zarr.json`."""
    file = path / "zarr.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def object_array(store: Path) -> None:
    """An array of pickled objects in place of codes."""
    codecs = [{"name": "numcodecs.pickle", "configuration": {}}]
    edit_metadata(store / CODES, data_type="object", codecs=codecs)
    (store / CODES / "c.0.0.0").write_bytes(pickle.dumps(Touch(store / "run")))


def terabytes(store: Path) -> None:
    """A shape of terabytes."""
    edit_metadata(store / CODES, shape=[2**40, 4, 4])


def large_chunks(store: Path) -> None:
    """Chunks and files of terabytes, of an array of the right shape."""
    document = json.loads((store / CODES / "zarr.json").read_text())
    document["chunk_grid"]["configuration"]["chunk_shape"] = [2**40, 4, 4]
    document["codecs"][0]["configuration"]["chunk_shape"] = [2**40, 4, 4]
    (store / CODES / "zarr.json").write_text(json.dumps(document))


def many_chunks(store: Path) -> None:
    """An index of more chunks than the file has bytes."""
    document = json.loads((store / CODES / "zarr.json").read_text())
    document["chunk_grid"]["configuration"]["chunk_shape"] = [512 * 2**40, 4, 4]
    (store / CODES / "zarr.json").write_text(json.dumps(document))


def chunk_bytes(store: Path) -> int:
    """Bytes of one unpacked chunk of codes."""
    document = json.loads((store / CODES / "zarr.json").read_text())
    return 2 * int(np.prod(document["codecs"][0]["configuration"]["chunk_shape"]))


def with_chunk(store: Path, chunk: bytes) -> None:
    """Put one packed chunk into a file of codes, its index right."""
    index = struct.pack("<QQ", 0, len(chunk))
    check = google_crc32c.value(index).to_bytes(4, "little")
    (store / CODES / "c.0.0.0").write_bytes(chunk + index + check)


def bomb(declared: int | None = None) -> bytes:
    """A small frame that unpacks to 128 MiB, and declares that or something else."""
    packed = zstandard.ZstdCompressor(write_checksum=True).compress(bytes(BOMB))
    size = packed.index(struct.pack("<I", BOMB))
    return packed[:size] + struct.pack("<I", declared or BOMB) + packed[size + 4 :]


def zstd_bomb(store: Path) -> None:
    """A frame that unpacks to far more than its chunk, and says so."""
    with_chunk(store, bomb())


def zstd_gigabytes(store: Path) -> None:
    """A frame that declares gigabytes."""
    with_chunk(store, bomb(2**32 - 1))


def silent_bomb(store: Path) -> None:
    """A frame that does not say how much it unpacks to."""
    packer = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    with_chunk(store, packer.compress(bytes(BOMB)) + packer.flush())


def lying_bomb(store: Path) -> None:
    """A frame that declares one chunk and unpacks to more."""
    with_chunk(store, bomb(chunk_bytes(store)))


def unchecked_frame(store: Path) -> None:
    """A frame without a checksum."""
    packer = zstandard.ZstdCompressor(write_checksum=False)
    with_chunk(store, packer.compress(bytes(chunk_bytes(store))))


def absent_chunk(store: Path) -> None:
    """A chunk that is not there: zarr-python reads it as the fill value."""
    index = struct.pack("<QQ", 2**64 - 1, 2**64 - 1)
    check = google_crc32c.value(index).to_bytes(4, "little")
    (store / CODES / "c.0.0.0").write_bytes(index + check)


def videos_bomb(store: Path) -> None:
    """A list of videos of gigabytes."""
    array = store / "shards/000000.zarr/videos"
    document = json.loads((array / "zarr.json").read_text())
    document["shape"] = document["chunk_grid"]["configuration"]["chunk_shape"] = [2**33]
    (array / "zarr.json").write_text(json.dumps(document))


def deep_metadata(store: Path) -> None:
    """JSON nested deeper than a parser can follow."""
    (store / CODES / "zarr.json").write_text("[" * 60000)


ZARR = {
    object_array: "holds object",
    terabytes: r"of shape \(1099511627776, 4, 4\)",
    large_chunks: "larger than a store's",
    many_chunks: "bytes, none at",
    zstd_bomb: f"declares {BOMB} bytes",
    zstd_gigabytes: "declares 4294967295 bytes",
    silent_bomb: "declares 18446744073709551615 bytes",
    lying_bomb: "is damaged",
    unchecked_frame: "has no checksum",
    absent_chunk: "chunks are missing",
    deep_metadata: "cannot be read|are damaged",
}


def peak_of(work: Callable[[], object]) -> int:
    """Bytes of address space in use at most while `work` runs, beyond those at its start."""
    pages = Path("/proc/self/clear_refs")
    pages.write_text("5")  # resets the peak of the resident size
    before = resident("VmRSS")
    work()
    return resident("VmHWM") - before


def resident(name: str) -> int:
    """A figure of this process's memory, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(name)).split()[1])


def refused(path: Path, message: str) -> None:
    """Reading and verifying are each refused within bounds, in one line."""

    def read() -> None:
        with pytest.raises(StoreError, match=message) as caught:
            TokenStore.open(path).codes(0)
        assert "\n" not in str(caught.value)
        problems = verify(path).problems
        assert {problem.shard for problem in problems} == {"000000"}
        assert not any("\n" in problem.what for problem in problems)

    assert peak_of(read) < MEMORY
    assert not (path / "run").exists()


@pytest.mark.parametrize("harm", ZARR, ids=lambda harm: harm.__name__)
def test_hostile_zarr_shards_are_refused(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    path = build(tmp_path / "tokens", make_videos(4))
    TokenStore.open(path)
    harm(path)
    refused(path, ZARR[harm])


def test_a_list_of_videos_is_bounded(tmp_path: Path) -> None:
    path = build(tmp_path / "tokens", make_videos(4))
    store = TokenStore.open(path)
    videos_bomb(path)

    def read() -> None:
        with pytest.raises(StoreError, match="vector of at most"):
            store.metadata(0)

    assert peak_of(read) < MEMORY


def rewrite(path: Path, change: Callable[[tarfile.TarInfo, bytes], tuple[str, bytes]]) -> None:
    """Write a tar anew, each member's name and content changed; its size stays."""
    size, members = path.stat().st_size, []
    with tarfile.open(path) as tar:
        for member in tar:
            reader = tar.extractfile(member)
            assert reader is not None
            members.append(change(member, reader.read()))
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, BytesIO(content))
    content = path.read_bytes()[:size]
    path.write_bytes(content.ljust(size, b"\0"))


def climbing(member: tarfile.TarInfo, content: bytes) -> tuple[str, bytes]:
    """A name outside the folder it may be unpacked to."""
    return f"../../{member.name[6:]}", content


def executable(member: tarfile.TarInfo, content: bytes) -> tuple[str, bytes]:
    """A module where codes should be."""
    return member.name.replace(".npy", ".pyd"), content


def pickled(member: tarfile.TarInfo, content: bytes) -> tuple[str, bytes]:
    """A pickle where codes should be."""
    return member.name.replace(".npy", ".pkl"), content


def npy_of_objects(member: tarfile.TarInfo, content: bytes) -> tuple[str, bytes]:
    """Codes whose type is `object`, followed by a pickle."""
    if not member.name.endswith("npy"):
        return member.name, content
    objects = content[:128].replace(b"'<u2'", b"'|O' ") + pickle.dumps(Touch(Path("run")))
    return member.name, objects.ljust(len(content))[: len(content)]


def npy_of_terabytes(member: tarfile.TarInfo, content: bytes) -> tuple[str, bytes]:
    """Codes whose header declares terabytes."""
    if not member.name.endswith("npy"):
        return member.name, content
    text = b"{'descr': '<u2', 'fortran_order': False, 'shape': (1099511627776, 4, 4), }"
    return member.name, content[:10] + text.ljust(117) + b"\n" + content[128:]


TAR = {climbing, executable, pickled, npy_of_objects, npy_of_terabytes}


@pytest.mark.parametrize("harm", sorted(TAR, key=lambda harm: harm.__name__))
def test_hostile_tar_shards_are_refused(
    tmp_path: Path, harm: Callable[[tarfile.TarInfo, bytes], tuple[str, bytes]]
) -> None:
    path = build(tmp_path / "tokens", make_videos(4), form="webdataset")
    TokenStore.open(path)
    rewrite(path / "shards/000000.tar", harm)
    refused(path, r"shards/000000\.tar should hold \w+\.center\.npy of uint16")
    with pytest.raises(StoreError, match="should hold"):
        convert(path, tmp_path / "zarr", "zarr")


@pytest.mark.parametrize("kind", [".pyd", ".pkl", "../escaped"])
def test_members_nobody_promised_are_refused(tmp_path: Path, kind: str) -> None:
    path = build(tmp_path / "tokens", make_videos(4), form="webdataset")
    tar_path = path / "shards/000000.tar"
    with tarfile.open(tar_path, "a", format=tarfile.USTAR_FORMAT) as tar:
        content = pickle.dumps(Touch(path / "run"))
        member = tarfile.TarInfo(kind if "/" in kind else f"{'0' * 32}{kind}")
        member.size = 10240
        tar.addfile(member, BytesIO(content.ljust(10240)))
    refused(path, r"shards/000000\.tar has \d+ bytes, expected \d+")


@pytest.mark.parametrize("url", ["pipe:touch run", "pipe://touch run", "nonsense://host/x"])
def test_urls_that_name_no_place_are_refused(url: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match="names no place to read files from"):
        TokenStore.open(url)
    with pytest.raises(StoreError, match="names no place"):
        open_files(url)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"frames":[', '"frames":[99999999999999,', 1),
        lambda text: "[" * 100000,
        lambda text: text[:-20],
    ],
)
def test_commit_records_are_believed_only_when_whole(
    tmp_path: Path, change: Callable[[str], str]
) -> None:
    path = build(tmp_path / "tokens", make_videos(4))
    record = path / "commits/000000.json"
    record.write_text(change(record.read_text()))

    def read() -> None:
        with pytest.raises(StoreError, match="commit record of shard 000000 is not usable"):
            TokenStore.open(path)

    assert peak_of(read) < MEMORY


def test_an_index_that_lies_is_built_anew(tmp_path: Path) -> None:
    path = build(tmp_path / "tokens", make_videos(4))
    keys = list(TokenStore.open(path).keys)
    index = path / "index.safetensors"
    whole = index.read_bytes()
    index.write_bytes(struct.pack("<Q", 2**62) + whole[8:])
    assert peak_of(lambda: TokenStore.open(path)) < MEMORY
    assert index.read_bytes() == whole
    assert list(TokenStore.open(path).keys) == keys
