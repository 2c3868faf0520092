"""What `vimpac tokenize` offers beside tokens: plans, lists of failures, another try."""

import csv
import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest
from test_resume import bytes_below
from vimpac.datasets import TokenStore, committed_videos

SIZES = ("--size", 32, "--processes", 1)


@pytest.fixture
def videos(motion_set: Path, tmp_path: Path) -> Path:
    """Three whole videos and two that are not."""
    folder = tmp_path / "videos"
    folder.mkdir()
    for number, clip in enumerate(sorted((motion_set / "validation").rglob("*.mp4"))[:3]):
        shutil.copy(clip, folder / f"{number}.mp4")
    (folder / "bad.mp4").write_text("no video")
    (folder / "gone.mp4").symlink_to(folder / "nothing")
    return folder


def test_a_dry_run_tells_what_would_come_and_writes_nothing(videos, tmp_path, vimpac):
    out = tmp_path / "tokens"
    words = ["tokenize", videos, "--out", out, *SIZES, "--views", "paper"]
    plan = vimpac(*words, "--dry-run", "--json").document
    assert not out.exists()
    made = vimpac(*words, "--json").document
    assert (plan["videos"], plan["listed"], plan["missing_videos"]) == (4, 5, ["gone"])
    assert (plan["probed"], plan["unreadable"]) == (4, 1)
    assert plan["frames"] == round(made["frames"] * 4 / 3)  # as if all four were whole
    assert plan["tokens"] == plan["frames"] * 12 * 16
    assert 0.3 * plan["tokens"] < plan["bytes"] < 3 * plan["tokens"]
    assert plan["shards"] == 5
    assert 0 < plan["decode_seconds"] + plan["encode_seconds"] < 60
    assert plan["seconds"] == pytest.approx(plan["decode_seconds"] + plan["encode_seconds"])


def test_a_dry_run_of_tars_counts_codes_as_they_are(videos, tmp_path, vimpac):
    words = ["tokenize", videos, "--out", tmp_path / "tokens", *SIZES, "--format", "webdataset"]
    plan = vimpac(*words, "--dry-run", "--json").document
    assert plan["bytes"] == pytest.approx(2 * plan["tokens"], abs=2)


def test_a_dry_run_tells_the_share_of_a_part(videos, tmp_path, vimpac, monkeypatch):
    words = ["tokenize", videos, "--out", tmp_path / "tokens", *SIZES, "--videos-per-shard", 2]
    words += ["--dry-run", "--json"]
    parts = [vimpac(*words, "--shard", f"{number}/2").document for number in (0, 1)]
    assert [part["part_shards"] for part in parts] == [2, 1]
    assert sum(part["part_videos"] for part in parts) == 4
    for part in parts:
        assert (part["videos"], part["shards"]) == (4, 3)
        assert part["part_seconds"] == pytest.approx(part["seconds"] * part["part_videos"] / 4)
    assert "part_shards" not in vimpac(*words).document
    for name, value in (("ID", "7"), ("MIN", "7"), ("MAX", "8")):
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", value)
    assert vimpac(*words).document["part_shards"] == 2
    assert "--shard should be i/n" in vimpac(*words, "--shard", "5/2").err


def test_a_dry_run_of_a_list_counts_what_is_missing_once(videos, tmp_path, vimpac):
    (videos / "bad.mp4").unlink()
    names = ["0.mp4", "1.mp4", "nowhere.mp4", "neither.mp4"]
    (videos / "list.txt").write_text("\n".join(names))
    words = ["tokenize", videos / "list.txt", "--out", tmp_path / "tokens", *SIZES, "--dry-run"]
    plan = vimpac(*words, "--json").document
    assert (plan["videos"], plan["listed"], plan["missing"]) == (2, 4, 2)
    assert (plan["probed"], plan["unreadable"]) == (2, 0)
    (videos / "list.txt").write_text("nowhere.mp4")
    line = vimpac(*words).err
    assert "none of 0 sampled videos can be read; 1 are missing" in line


def test_only_listed_videos_are_tokenized(videos, tmp_path, vimpac):
    labels = tmp_path / "labels.txt"
    labels.write_text("0.mp4 0\n2.mp4 1\n7.mp4 1\n")
    words = ["tokenize", videos, "--out", tmp_path / "tokens", *SIZES, "--task", "labels"]
    plan = vimpac(*words, "--annotations", labels, "--dry-run", "--json").document
    assert (plan["videos"], plan["listed"], plan["missing_videos"]) == (2, 3, ["7"])
    assert vimpac(*words, "--annotations", labels, "--json").document["tokenized"] == 2
    assert set(TokenStore.open(tmp_path / "tokens").keys) == {"0", "2"}
    assert "--task and --annotations go together" in vimpac(*words).err
    labels.write_text("8.mp4 0\n")
    assert "none of the 1 videos that" in vimpac(*words, "--annotations", labels).err


@pytest.mark.parametrize("form", ["zarr", "webdataset"])
def test_failed_videos_are_tried_again(videos, tmp_path, vimpac, form):
    out = tmp_path / "tokens"
    words = ["--out", out, *SIZES, "--format", form, "--videos-per-shard", 2, "--json"]
    failures = tmp_path / "failures.csv"
    first = vimpac("tokenize", videos, *words, "--failures-out", failures).document
    assert first["failed"] == {"unreadable": 1, "missing": 1}
    with failures.open(newline="") as file:
        assert list(csv.DictReader(file)) == first["failures"]
    shutil.copy(videos / "0.mp4", videos / "bad.mp4")
    assert vimpac("tokenize", videos, *words).document["tokenized"] == 0
    again = vimpac("tokenize", videos, *words, "--retry-failed").document
    assert (again["tokenized"], again["skipped"], again["failed"]) == (1, 3, {"missing": 1})
    words[1] = tmp_path / "anew"
    lines = tmp_path / "failures.jsonl"
    anew = vimpac("tokenize", videos, *words, "--failures-out", lines).document
    assert bytes_below(tmp_path / "anew") == bytes_below(out)
    assert [json.loads(line) for line in lines.read_text().splitlines()] == anew["failures"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--views", "all"], "--views must be one of center, paper"),
        (["--engine", "spark"], "--engine must be local or ray"),
        (["--processes", "0"], "--processes must be above 0"),
        (["--max-failures", "-1"], "--max-failures must be at least 0, not -1"),
        (["--engine", "ray", "--device", "cuda:0"], "auto, cpu, cuda with --engine ray"),
        (["--shard", "7/3"], "--shard should be i/n"),
        (["--device", "cuda:9"], "unknown device 'cuda:9'"),
        (["--failures-out", "list.txt"], "should end in .csv or .jsonl"),
        (["--steady", "-1"], "steady"),
        (["--precision", "fp8"], "fp8"),
        (["--format", "hdf5"], "hdf5"),
    ],
)
def test_mistakes_are_told_before_anything_is_done(videos, tmp_path, vimpac, words, says):
    ended = vimpac("tokenize", videos, "--out", tmp_path / "tokens", *SIZES[:2], *words)
    assert ended.code == 2
    (line,) = ended.err.strip().splitlines()
    assert says in line
    assert not (tmp_path / "tokens").exists()


@pytest.mark.parametrize("form", ["zarr", "webdataset"])
def test_metadata_of_a_tar_is_kept(motion_set, tmp_path, vimpac, form):
    clip = min((motion_set / "validation").rglob("*.mp4"))
    said = {"caption": "a pan — “left”", "duration": 2.5}
    with tarfile.open(tmp_path / "00000.tar", "w") as tar:
        tar.add(clip, "000000000.mp4")
        content = json.dumps(said).encode()
        member = tarfile.TarInfo("000000000.json")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    out = tmp_path / "tokens"
    words = ["tokenize", tmp_path / "00000.tar", "--out", out, *SIZES, "--format", form]
    assert vimpac(*words).code == 0
    ((video, codes),) = committed_videos(out, 0)
    assert video.source.metadata == said
    assert len(codes["center"]) == video.frames
    assert vimpac("tokens", "verify", out).code == 0
