"""Finding videos: files, folders, tars, keys."""

import io
import json
import os
import pickle
import tarfile
from pathlib import Path

import pytest
from vimpac.pipeline.video import InputError, VideoError, VideoSource, find_videos, probe


def make(root: Path, *names: str) -> None:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode())


def make_tar(path: Path, members: dict[str, bytes], form: int = tarfile.USTAR_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def keys(sources: list[VideoSource]) -> list[str]:
    return [source.key for source in sources]


def content(source: VideoSource) -> bytes:
    with source.open() as path:
        return path.read_bytes()


def test_folder(tmp_path: Path) -> None:
    make(tmp_path, "b/-2.MP4", "a.webm", "b/c/d e.avi", "notes.txt", ".hidden.mp4", ".x/y.mp4")
    sources = find_videos([tmp_path])
    assert keys(sources) == ["a", "b/-2", "b/c/d e"]
    assert [source.extension for source in sources] == [".webm", ".MP4", ".avi"]
    assert [content(source) for source in sources] == [b"a.webm", b"b/-2.MP4", b"b/c/d e.avi"]
    assert pickle.loads(pickle.dumps(sources)) == sources


def test_a_file_is_taken_whatever_its_extension(tmp_path: Path) -> None:
    make(tmp_path, "film.bin", "plain", "a.b.mp4")
    given = [tmp_path / "plain", str(tmp_path / "film.bin"), tmp_path / "a.b.mp4"]
    assert keys(find_videos(given)) == ["a.b", "film", "plain"]


def test_order_does_not_depend_on_the_arguments(tmp_path: Path) -> None:
    make(tmp_path, "one/a.mp4", "two/b.mp4")
    one, two = tmp_path / "one", tmp_path / "two"
    assert find_videos([one, two]) == find_videos([two, one])


def test_one_key_twice(tmp_path: Path) -> None:
    make(tmp_path, "one/a.webm", "one/a.mp4", "two/a.mp4")
    sources = find_videos([tmp_path / "one"])
    assert [(s.key, s.path.name) for s in sources] == [("a", "a.mp4"), ("a.webm", "a.webm")]
    with pytest.raises(InputError, match=r"named a\.mp4: .*one/a\.mp4 and .*two/a\.mp4") as caught:
        find_videos([tmp_path / "one" / "a.mp4", tmp_path / "two", tmp_path / "one"])
    assert "\n" not in str(caught.value)


def test_two_videos_of_one_name_are_refused_whatever_else_there_is(tmp_path: Path) -> None:
    make(tmp_path, "d1/train/cat/1.mp4", "d1/val/cat/1.mp4", "d1/val/cat/1.avi")
    message = r"named cat/1\.mp4: .*d1/train/cat/1\.mp4 and .*d1/val/cat/1\.mp4"
    with pytest.raises(InputError, match=message):
        find_videos([tmp_path / "d1" / "val", tmp_path / "d1" / "train"])
    for name in "ab":
        make_tar(tmp_path / f"{name}.tar", {"0.mp4": b"x"})
    with pytest.raises(InputError, match=r"named 0\.mp4: .*a\.tar, .* and .*b\.tar, "):
        find_videos([tmp_path / "a.tar", tmp_path / "b.tar"])
    make(tmp_path, "e/a.mp4", "e/a.webm", "e/a.webm.mp4")
    with pytest.raises(InputError, match=r"named a\.webm: .*a\.webm and .*a\.webm\.mp4"):
        find_videos([tmp_path / "e"])


def test_a_video_given_twice_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path, "v/a.mp4", "v/sub/b.mp4")
    make_tar(tmp_path / "v" / "0.tar", {"x.mp4": b"one", "y.mp4": b"two"})
    Path("list.txt").write_text(f"{tmp_path}/v/0.tar\n")
    again = [Path("v/a.mp4"), "./v/a.mp4", tmp_path / "v" / "a.mp4", "v/sub/../a.mp4", "v/0.tar"]
    found = find_videos(["v", *again, "v/sub", "list.txt"])
    assert keys(found) == ["a", "sub/b", "x", "y"]
    assert keys(find_videos(["v/a.mp4", "v/a.mp4"])) == ["a"]
    assert [content(source) for source in found[2:]] == [b"one", b"two"]


def test_links_to_one_file_are_videos_of_their_own(tmp_path: Path) -> None:
    make(tmp_path, "v/a.mp4")
    (tmp_path / "v" / "b.mp4").symlink_to(tmp_path / "v" / "a.mp4")
    assert keys(find_videos([tmp_path / "v"])) == ["a", "b"]


def test_links(tmp_path: Path) -> None:
    make(tmp_path, "real/a.mp4")
    (tmp_path / "real" / "loop").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "broken.mp4").symlink_to(tmp_path / "nowhere")
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "linked").symlink_to(tmp_path / "real")
    found = find_videos([tmp_path / "given"])
    assert keys(found) == ["linked/a", "linked/broken"]
    with pytest.raises(VideoError, match="missing"):
        probe(found[1].path)


def test_what_cannot_be_read_is_found_too(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    reasons = {}
    for source in find_videos([tmp_path]):
        with pytest.raises(VideoError) as caught:
            probe(source.path)
        reasons[source.key] = (caught.value.reason, caught.value.detail)
    assert reasons == {
        "pipe": ("unreadable", "not a regular file"),
        "loop": ("unreadable", "Too many levels of symbolic links"),
    }


def test_lists(tmp_path: Path) -> None:
    make(tmp_path, "videos/a b.mp4", "videos/c.webm", "far/d.mp4")
    names = ["videos/a b.mp4", "", "videos/gone.mp4", str(tmp_path / "far" / "d.mp4")]
    (tmp_path / "videos.txt").write_text("\n".join(names))
    found = find_videos([tmp_path / "videos.txt"])
    assert keys(found) == ["far/d", "videos/a b", "videos/gone"]
    assert [source.size for source in found] == [9, 14, 0]
    (tmp_path / "videos.txt").write_text("videos/a b.mp4\nnotes about it\n")
    with pytest.raises(InputError, match=r"line 2: not the name of a video: notes about it"):
        find_videos([tmp_path / "videos.txt"])


def test_missing_and_empty(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file or folder: .*/nowhere"):
        find_videos([tmp_path / "nowhere"])
    make(tmp_path, "empty/readme.txt")
    with pytest.raises(InputError, match=r"no video found in .*/empty; looked for \.3gp .*\.tar"):
        find_videos([tmp_path / "empty"])
    with pytest.raises(InputError, match="unbalanced braces"):
        find_videos([str(tmp_path / "a{0..3.tar")])


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_tar_shard(tmp_path: Path, form: int) -> None:
    long_name = "n" * 90 + "/" + "m" * 30
    members = {
        "000000001.mp4": b"first" * 1000,
        "000000001.json": b"{}",
        "../../000000000.webm": b"zero",
        f"{long_name}.avi": b"long",
        "._000000003.mp4": b"resource fork",
    }
    shard = make_tar(tmp_path / "00000.tar", members, form)
    sources = find_videos([shard])
    assert keys(sources) == ["../../000000000", "000000001", long_name]
    assert [content(source) for source in sources] == [b"zero", b"first" * 1000, b"long"]
    with sources[0].open() as copy:
        assert "000000000" not in copy.name
        assert copy.stat().st_mode & 0o777 == 0o600
    assert not copy.exists()


def test_shards_by_braces_and_in_folders(tmp_path: Path) -> None:
    for shard in range(3):
        make_tar(tmp_path / f"{shard:05d}.tar", {f"{shard}.mp4": b"x", f"{shard}.txt": b"y"})
    assert keys(find_videos([f"{tmp_path}/{{00000..00002}}.tar"])) == ["0", "1", "2"]
    assert keys(find_videos([tmp_path])) == ["0", "1", "2"]
    with pytest.raises(InputError, match=r"no such file or folder: .*/00003\.tar"):
        find_videos([f"{tmp_path}/{{00000..00003}}.tar"])
    make(tmp_path, "literal/{a,b}.mp4")
    assert keys(find_videos([tmp_path / "literal" / "{a,b}.mp4"])) == ["{a,b}"]


def test_the_json_beside_a_video_is_its_metadata(tmp_path: Path) -> None:
    said = {"url": "http://x/1", "views": 7, "score": 0.5, "live": False, "tags": ["a"], "x": None}
    members = {
        "1.json": json.dumps(said).encode(),
        "1.mp4": b"one",
        "2.mp4": b"two",
        "2.json": b"[1, 2]",
        "3.mp4": b"three",
        "4.mp4": b"four",
        "4.json": json.dumps({"a": "x" * 90, "long": "y" * 5000, "b": float("nan")}).encode(),
    }
    one, two, three, four = find_videos([make_tar(tmp_path / "a.tar", members)])
    plain = {name: said[name] for name in ("url", "views", "score", "live")}
    assert one.read_metadata(4096) == plain
    assert one.read_metadata(40) == {"url": "http://x/1", "views": 7}
    assert two.read_metadata(4096) is None
    assert three.read_metadata(4096) is None
    assert four.read_metadata(4096) == {"a": "x" * 90}


def why_not(source: VideoSource) -> tuple[str, str, str]:
    with pytest.raises(VideoError) as caught, source.open():
        pass
    return source.key, caught.value.reason, caught.value.detail


def test_broken_tars_are_failures(tmp_path: Path) -> None:
    whole = make_tar(tmp_path / "whole.tar", {"a.mp4": bytes(3000), "b.mp4": bytes(600)})
    cut = tmp_path / "cut.tar"
    cut.write_bytes(whole.read_bytes()[:1024])
    assert [why_not(s) for s in find_videos([cut])] == [("a", "truncated", "its tar is cut short")]
    unreadable = ("unreadable", "not a whole, uncompressed tar")
    cut.write_bytes(whole.read_bytes()[:3584])  # between two members
    first, itself = find_videos([cut])
    assert len(content(first)) == 3000
    assert why_not(itself) == ("cut", *unreadable)
    make(tmp_path, "text.tar")
    assert [why_not(s) for s in find_videos([tmp_path / "text.tar"])] == [("text", *unreadable)]
    with tarfile.open(tmp_path / "packed.tar", "w:gz") as tar:
        tar.add(whole, "a.mp4")
    assert [why_not(s) for s in find_videos([tmp_path / "packed.tar"])] == [("packed", *unreadable)]
    (source, _) = find_videos([whole])
    whole.unlink()
    assert why_not(source) == ("a", "missing", "its tar is gone")


def test_tar_links_and_folders_are_no_videos(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        link = tarfile.TarInfo("link.mp4")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        folder = tarfile.TarInfo("folder.mp4")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
    with pytest.raises(InputError, match="no video found"):
        find_videos([tmp_path / "a.tar"])
