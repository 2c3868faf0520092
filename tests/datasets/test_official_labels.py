"""Official label files, each with its traps, read as they are; mistakes are told by their line."""

import json
import re

import pytest
from official_files import DIVES, OFFICIAL, UCF_CLASSES, write_ssv2
from vimpac.datasets import TASKS, LabelSource, TaskError


def read(folder, task, split=1):
    return LabelSource(task=task, annotations=str(folder), official_split=split).read()


@pytest.mark.parametrize("task", OFFICIAL)
def test_every_listed_video_has_its_key_class_and_split(tmp_path, task):
    expected = OFFICIAL[task](tmp_path / task)
    listing = read(tmp_path / task, task)
    assert {video.key: (video.split, video.label) for video in listing.videos} == expected


@pytest.mark.parametrize("task", OFFICIAL)
def test_files_may_lie_in_the_archives_own_folder(tmp_path, task):
    OFFICIAL[task](tmp_path / task / "of the archive")
    if task == "hmdb51":
        (tmp_path / task / "of the archive").rename(tmp_path / "hmdb")
        assert len(read(tmp_path / "hmdb" / "testTrainMulti_7030_splits", task).videos) == 6
    else:
        assert read(tmp_path / task, task).videos


LABEL_ORDER = {
    "ssv2": (
        "Approaching something with your camera",
        "Holding something next to something",
        "Putting something, something and something on the table",
    ),
    "diving48": tuple(", ".join(dive) for dive in DIVES),
    "ucf101": UCF_CLASSES,
    "hmdb51": ("brush_hair", "run", "wave"),
    "kinetics400": ("abseiling", "playing guitar", "stretching, arm"),
}


@pytest.mark.parametrize("task", LABEL_ORDER)
def test_labels_count_from_0_in_the_data_sets_own_order(tmp_path, task):
    OFFICIAL[task](tmp_path / task)
    assert read(tmp_path / task, task).classes == LABEL_ORDER[task]


@pytest.mark.parametrize("task", ["ucf101", "hmdb51"])
def test_three_official_splits_differ(tmp_path, task):
    OFFICIAL[task](tmp_path / task)
    first, second = (
        {(video.key, video.split) for video in read(tmp_path / task, task, split).videos}
        for split in (1, 2)
    )
    assert first != second
    with pytest.raises(TaskError, match="1 to 3, not 4"):
        read(tmp_path / task, task, 4)


def test_older_file_names_of_ssv2(tmp_path):
    expected = write_ssv2(tmp_path / "a", prefix="something-something-v2-")
    assert {video.key for video in read(tmp_path / "a", "ssv2").videos} == expected.keys()


def test_ssv2_is_never_mirrored():
    assert TASKS["ssv2"].views(["center", "center_flip", "large_top_left_flip"]) == ("center",)
    assert TASKS["diving48"].views(["center", "center_flip"]) == ("center", "center_flip")
    with pytest.raises(TaskError, match="must not be mirrored"):
        TASKS["ssv2"].views(["center_flip"])


@pytest.mark.parametrize(
    ("task", "file", "before", "after", "line", "says"),
    [
        ("ssv2", "labels.json", '"2"', '"3"', 4, "label 3 is out of range: 3 classes"),
        ("ssv2", "labels.json", '"2"', '"1"', 4, "label 1 is also that of"),
        ("ssv2", "labels.json", '"0"', '"zero"', 3, "number from 0"),
        ("ssv2", "train.json", "Holding [", "Dropping [", 2, "no template 'Dropping something"),
        ("ssv2", "validation.json", '"1001"', "1001", 12, "'id' should be str"),
        ("ssv2", "train.json", '"42"', '"42', 11, "not JSON"),
        ("diving48", "Diving48_V2_train.json", '"label": 2', '"label": 3', 1, "out of range: 3"),
        ("diving48", "Diving48_V2_test.json", '"label": 0', '"label": -1', 1, "out of range"),
        ("diving48", "Diving48_V2_test.json", '"label": 0', '"label": true', 1, "should be int"),
        ("ucf101", "trainlist01.txt", "g08_c01.avi 2", "g08_c01.avi 1", 3, "numbers 2"),
        ("ucf101", "trainlist01.txt", "g08_c01.avi 4", "g08_c01.avi 5", 7, "numbers 4"),
        ("ucf101", "trainlist01.txt", "YoYo/", "JoJo/", 3, "no class 'JoJo'"),
        ("ucf101", "classInd.txt", "1 Apply", "0 Apply", 1, "should be `1 ClassName`"),
        ("hmdb51", "testTrainMulti_7030_splits/run_test_split1.txt", "avi 2", "avi 3", 2, "FLAG"),
        ("kinetics400", "validate.csv", "abseiling", "absailing", 2, "'absailing'"),
        ("kinetics400", "validate.csv", ",val,", ",vale,", 3, "'vale' is no split"),
        ("kinetics400", "train.csv", ",84,", ",start,", 2, "should be seconds"),
        ("kinetics400", "train.csv", ",train,0", "", 2, "other columns than the header"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_by_its_line(tmp_path, task, file, before, after, line, says):
    OFFICIAL[task](tmp_path / task)
    path = tmp_path / task / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    with pytest.raises(TaskError, match=re.escape(says)) as refusal:
        read(tmp_path / task, task)
    assert f"{path}, line {line}" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("task", OFFICIAL)
def test_a_missing_file_is_named(tmp_path, task):
    (tmp_path / task).mkdir()
    with pytest.raises(TaskError, match=r"official|labels\.json"):
        read(tmp_path / task, task)
    with pytest.raises(TaskError, match="no label files at"):
        read(tmp_path / "nowhere", task)


def test_entries_of_a_json_array_are_told_by_line_and_number(tmp_path):
    OFFICIAL["diving48"](tmp_path / "d")
    path = tmp_path / "d" / "Diving48_V2_train.json"
    entries = json.loads(path.read_text())
    entries[2]["label"] = 48
    path.write_text(json.dumps(entries, indent=2))
    with pytest.raises(TaskError, match=r"line 14 \(entry 3\): label 48 is out of range"):
        read(tmp_path / "d", "diving48")
