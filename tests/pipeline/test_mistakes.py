"""Users' mistakes: one clear line each, exit code 2, and nothing lost."""

import json
import subprocess

import pytest
from vimpac.datasets import TokenStore
from vimpac.pipeline.video.ffmpeg import ffmpeg_executable


def make_sound(path):
    command = [
        ffmpeg_executable(),
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "sine=duration=1",
        str(path),
    ]
    subprocess.run(command, check=True, timeout=30)


def cut_short(clip, path):
    path.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])


@pytest.fixture
def bad_files(tmp_path, clips):
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "text.mp4").write_text("this is no video\n" * 100)
    (folder / "empty.mp4").write_bytes(b"")
    make_sound(folder / "sound.mp4")
    cut_short(clips[0], folder / "cut.mp4")
    return folder


REASONS = {
    "text": "unreadable",
    "empty": "empty",
    "sound": "no_video_stream",
    "cut": "truncated",
}


def test_bad_files_are_told_where_others_succeed(bad_files, clips, tmp_path, vimpac):
    good = bad_files / "good.mp4"
    good.write_bytes(clips[1].read_bytes())
    out = tmp_path / "tokens"
    ended = vimpac("tokenize", bad_files, "--out", out, "--size", 64, "--processes", 1, "--json")
    assert ended.code == 0
    summary = ended.document
    assert summary["tokenized"] == 1
    assert {failure["video"]: failure["reason"] for failure in summary["failures"]} == REASONS
    assert all(failure["detail"] for failure in summary["failures"])
    assert sum(summary["failed"].values()) == 4
    assert list(TokenStore.open(out).keys) == ["good"]
    for name, reason in REASONS.items():
        (line,) = [line for line in ended.err.splitlines() if line.startswith(f"failed: {name}:")]
        assert reason in line


@pytest.mark.parametrize("name", REASONS)
def test_a_bad_file_alone_ends_with_2(bad_files, tmp_path, vimpac, name):
    video = bad_files / f"{name}.mp4"
    ended = vimpac("tokenize", video, "--out", tmp_path / "tokens", "--processes", 1)
    assert ended.code == 2
    assert REASONS[name] in ended.err
    assert "none of the 1 videos" in ended.err
    assert "Traceback" not in ended.err


def test_a_store_without_videos_is_told(bad_files, tmp_path, vimpac):
    out = tmp_path / "tokens"
    vimpac("tokenize", bad_files / "text.mp4", "--out", out, "--processes", 1)
    for words in (["pretrain", out], ["tokens", "preview", out]):
        assert "the store holds no video" in one_line(vimpac(*words, "--out", tmp_path / "made"))
    assert not (tmp_path / "made").exists()


def test_too_many_failures_end_the_run(bad_files, tmp_path, vimpac):
    out = tmp_path / "tokens"
    listed = tmp_path / "failures.jsonl"
    words = ["tokenize", bad_files, "--out", out, "--processes", 1, "--failures-out", listed]
    ended = vimpac(*words, "--max-failures", 1)
    assert ended.code == 2
    *told, last = [line for line in ended.err.splitlines() if not line.startswith("tokenize ")]
    assert "more than 1 videos failed" in last
    rows = [json.loads(line) for line in listed.read_text().splitlines()]
    assert len(rows) == 2
    assert told == [f"failed: {row['video']}: {row['reason']} ({row['detail']})" for row in rows]
    assert all(REASONS[row["video"]] == row["reason"] for row in rows)
    ended = vimpac(*words, "--max-failures", 2)  # what failed before is told again
    assert ended.code == 2
    assert len(listed.read_text().splitlines()) == 4


def one_line(ended):
    (line,) = ended.err.strip().splitlines()
    assert line.startswith("vimpac: ")
    assert ended.code == 2
    return line


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["tokenize", "{tmp}/none", "--out", "{tmp}/t"], "none"),
        (["tokenize", "{tmp}", "--out", "{tmp}/t"], "no video found"),
        (["tokenize", "{clip}", "--out", "{tmp}/t", "--size", "100"], "--size 100"),
        (["tokenize", "{clip}", "--out", "{tmp}/t", "--fps", "0"], "--fps"),
        (
            ["tokenize", "{clip}", "--out", "{tmp}/t", "--tokenizer", "{tmp}/no"],
            "no such tokenizer",
        ),
        (["pretrain", "{tmp}"], "not a token store"),
        (["pretrain", "{store}", "--preset", "huge"], "unknown preset"),
        (["pretrain", "{store}", "--layout", "T,X"], "layout"),
        (["pretrain", "{store}", "--device", "abacus"], "unknown device"),
        (["pretrain", "{store}", "--exclude", "*"], "none of the 14 videos"),
        (["pretrain", "{store}", "--out", "{backbone}"], "--resume"),
        (["finetune", "--task", "chess", "--tokens", "{store}"], "unknown task"),
        (["finetune", "--task", "motion", "--tokens", "{store}", "--init", "{tmp}"], "not a run"),
        (["evaluate", "{tmp}"], "not a run"),
        (["predict", "{backbone}", "{clip}"], "fine-tune it first"),
        (["predict", "{classifier}", "{clip}", "--clips", "0"], "at least 1 clip, not 0"),
        (["predict", "{classifier}", "{clip}", "--crops", "2"], "1 or 3 crops, not 2"),
        (["predict", "{classifier}", "{clip}", "--top", "-1"], "at least 1 class"),
        (["preview", "{classifier}", "{clip}"], "not a pre-training run"),
        (["pretrain", "{store}", "--epochs", "nan"], "--epochs should be a number above 0"),
        (["pretrain", "{store}", "--epochs", "0"], "--epochs should be a number above 0"),
        (["evaluate", "{other}"], "not a run: its config.json is of something else"),
        (["evaluate", "{classifier}", "--workers", "-1"], "workers must be at least 0"),
        (["evaluate", "{classifier}", "--predictions", "{tmp}/note.txt/a.csv"], "note.txt"),
        (["tokens", "info", "{tmp}"], "not a token store"),
        (["tokens", "verify", "{tmp}/none"], "not a token store"),
        (["tokenizer", "info", "{tmp}/none"], "no such tokenizer"),
        (["tokenizer", "train", "{tmp}", "--out", "{tmp}/t"], "no image"),
        (["model", "info", "--size", "100"], "100"),
        (["model", "info", "--compression", "0"], "compression 0"),
        (["synth", "motion", "{tmp}/m", "--photos", "{tmp}"], "photographs"),
        (["synth", "motion", "{tmp}/m", "--photos", "{tmp}", "--seconds", "nan"], "finite"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value[:2]),
)
def test_a_mistake_is_one_line(
    words, says, tmp_path, clips, store, backbone, classifier, vimpac, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "note.txt").write_text("not a video")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"model_type": "bert"}')
    places = {"tmp": tmp_path, "clip": clips[1], "store": store, "other": tmp_path / "other"}
    places |= {"backbone": backbone, "classifier": classifier}
    assert says in one_line(vimpac(*(word.format(**places) for word in words)))


def test_an_existing_store_is_not_written_with_other_options(store, motion_set, vimpac):
    before = TokenStore.open(store).summary()["logical_hash"]
    line = one_line(vimpac("tokenize", motion_set, "--out", store, "--size", 64))
    assert "size: 32 against 64" in line
    assert TokenStore.open(store).summary()["logical_hash"] == before


def test_nothing_to_start_from_is_told(tmp_path, monkeypatch, vimpac, store):
    monkeypatch.chdir(tmp_path)
    assert "vimpac tokenize VIDEOS" in one_line(vimpac("pretrain"))
    line = one_line(vimpac("finetune", "--task", "motion", "--tokens", store))
    assert "vimpac pretrain" in line


def test_a_model_does_not_take_tokens_of_another_size(
    classifier, backbone, clips, tmp_path, vimpac
):
    out = tmp_path / "tokens"
    vimpac("tokenize", clips[1], "--out", out, "--size", 64, "--processes", 1)
    assert "same --size" in one_line(vimpac("evaluate", backbone, "--tokens", out))
    assert "same --size" in one_line(vimpac("evaluate", classifier, "--tokens", out))
