"""One's own labels: class folders, plain lists and csv files."""

import re

import pytest
from vimpac.datasets import LabelSource, TaskError


def labels_of(source, keys=(), **options):
    listing = source.read(keys, **options)
    return listing.classes, {video.key: (video.split, video.label) for video in listing.videos}


def source_of(path, text, class_names=None):
    path.write_text(text)
    names = None
    if class_names is not None:
        names = path.with_name("names.txt")
        names.write_text("\n".join(class_names) + "\n")
    return LabelSource(task="labels", annotations=str(path), class_names=names and str(names))


def test_a_plain_list_is_split_from_the_right(tmp_path):
    text = "some/path/000.mp4 1\n  my videos/a b.c.webm   0 \r\n\n-x/no extension 2\n"
    classes, videos = labels_of(source_of(tmp_path / "list.txt", text))
    assert classes == ("0", "1", "2")
    assert videos == {
        "some/path/000": ("train", "1"),
        "my videos/a b.c": ("train", "0"),
        "-x/no extension": ("train", "2"),
    }


def test_numbers_are_names_where_these_are_given(tmp_path):
    source = source_of(tmp_path / "list.txt", "a.mp4 1\nb.mp4 2\n", ("run", "jump", "to sit"))
    classes, videos = labels_of(source)
    assert classes == ("run", "jump", "to sit")
    assert videos == {"a": ("train", "jump"), "b": ("train", "to sit")}
    assert labels_of(source, names=("x", "y", "z"))[1]["b"] == ("train", "z")


def test_a_list_of_held_out_videos_is_what_the_caller_says(tmp_path):
    source = source_of(tmp_path / "list.txt", "a.mp4 0\nb.mp4 1\n")
    assert {split for split, _ in labels_of(source, split="validation")[1].values()} == {
        "validation"
    }


@pytest.mark.parametrize(
    ("text", "names", "line", "says"),
    [
        ("a.mp4 1\nb.mp4 2\n", None, 1, "label 1, but no video has label 0"),
        ("a.mp4 0\nb.mp4 2\nc.mp4 2\n", None, 2, "label 2, but no video has label 1"),
        ("a.mp4 0\nb.mp4 999999999999\n", None, 2, "no video has label 1"),
        ("a.mp4 0\nb.mp4 -1\n", None, 2, "label -1"),
        ("a.mp4 1\nb.mp4 2\n", ("run", "jump"), 2, "label 2 is out of range: 2 classes"),
        ("a.mp4 0\nb.mp4\n", None, 2, "has no label, though other lines do"),
        ("a.mp4\nb.mp4\n", None, None, "has no labels"),
    ],
)
def test_mistakes_of_a_list(tmp_path, text, names, line, says):
    with pytest.raises(TaskError, match=re.escape(says)) as refusal:
        source_of(tmp_path / "list.txt", text, names).read()
    assert line is None or f"list.txt, line {line}" in str(refusal.value)


def test_a_csv_file_is_read_by_its_header(tmp_path):
    text = (
        '\ufeffLabel, Path ,extra,split\njump,"a, b/c.mp4",1,train\nrun,d.mp4,2,val\n,e.mp4,,test\n'
    )
    classes, videos = labels_of(source_of(tmp_path / "own.csv", text))
    assert classes == ("jump",)
    assert videos == {
        "a, b/c": ("train", "jump"),
        "d": ("validation", "run"),
        "e": ("test", None),
    }


def test_a_csv_file_with_numbers_and_no_split(tmp_path):
    source = source_of(tmp_path / "own.csv", "video,label\na.mp4,1\nb.mp4,0\n")
    assert labels_of(source) == (("0", "1"), {"a": ("train", "1"), "b": ("train", "0")})


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("video,kind\na.mp4,1\n", 2, "lacks a column label or class"),
        ("video,label\na.mp4,1,2\n", 2, "other columns"),
        ("video,label\na.mp4,run\nb.mp4,\n", 3, "has no label"),
        ("video,label,split\na.mp4,0,trian\n", 2, "'trian' is no split"),
        ("video,label\na.mp4,1\nb.mp4,2\n", 2, "no video has label 0"),
        ('video,label\n"a.mp4,1\n', 2, "not csv"),
    ],
)
def test_mistakes_of_a_csv_file(tmp_path, text, line, says):
    with pytest.raises(TaskError, match=says) as refusal:
        source_of(tmp_path / "own.csv", text).read()
    assert f"own.csv, line {line}" in str(refusal.value)


def test_class_folders_below_any_others():
    keys = ["x/train/up/1", "x/train/down/2", "y/test/up/3", "y/val/down/4", "clip", "a/b/c"]
    classes, videos = labels_of(LabelSource(task="folder"), keys)
    assert classes == ("down", "up")
    assert videos == {
        "x/train/up/1": ("train", "up"),
        "x/train/down/2": ("train", "down"),
        "y/test/up/3": ("test", "up"),
        "y/val/down/4": ("validation", "down"),
    }


def test_class_folders_without_splits_hold_out_a_tenth_of_each():
    keys = [f"{label}/{number}" for label in ("up", "down") for number in range(21)] + ["lone/1"]
    classes, videos = labels_of(LabelSource(task="folder"), keys)
    assert classes == ("down", "lone", "up")
    held_out = {key for key, (split, _) in videos.items() if split == "validation"}
    assert {label: sum(key.startswith(label) for key in held_out) for label in classes} == {
        "down": 3, "lone": 0, "up": 3,
    }  # fmt: skip
    assert labels_of(LabelSource(task="folder"), keys[::-1])[1] == videos
    with pytest.raises(TaskError, match="no video of a class folder"):
        LabelSource(task="motion").read(keys)


def test_what_is_no_task_is_refused():
    with pytest.raises(TaskError, match="unknown task 'chess'; there are diving48, "):
        LabelSource(task="chess")
    with pytest.raises(TaskError, match="no video of a class folder"):
        LabelSource(task="folder").read(["clip", "other"])
