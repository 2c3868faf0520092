"""Listed videos found in a store, however it was tokenized."""

import numpy as np
import pytest
from official_files import OFFICIAL
from vimpac.datasets import LabelSource, TaskError
from vimpac.datasets.tasks import ListedVideo, Listing, labelled_split


def listing_of(*videos, classes=("a", "b")):
    return Listing(
        classes=classes,
        videos=tuple(
            ListedVideo(key=key, label=label, split="train", where=f"list, line {line}")
            for line, (key, label) in enumerate(videos, 1)
        ),
    )


FORMS = {
    "as listed": lambda key, label: key,
    "flat": lambda key, label: key.rpartition("/")[2],
    "in class folders": lambda key, label: f"videos/{label}/{key.rpartition('/')[2]}",
    "with underscores": lambda key, label: (
        f"{label}".replace(" ", "_") + f"/{key.rpartition('/')[2]}"
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("task", OFFICIAL)
def test_official_names_are_found_flat_or_in_folders(tmp_path, task, form):
    expected = OFFICIAL[task](tmp_path / task)
    source = LabelSource(task=task, annotations=str(tmp_path / task))
    if form == "flat" and task == "hmdb51":
        with pytest.raises(TaskError, match=r"April_09_brush_hair.* is wave, but brush_hair in"):
            source.join(sorted({key.rpartition("/")[2] for key in expected}), "train")
        return
    stored = {
        FORMS[form](key, label): (split, label)
        for key, (split, label) in expected.items()
        if label is not None
    }
    keys = ["unlisted", *stored]
    for split in ("train", "validation"):
        joined = source.join(keys, split)
        assert joined.missing == ()
        found = zip(joined.indices, joined.labels, strict=True)
        assert {keys[index]: joined.classes[label] for index, label in found} == {
            key: label for key, (of, label) in stored.items() if of == split
        }


def test_what_is_missing_is_counted_and_listed(tmp_path):
    OFFICIAL["ssv2"](tmp_path / "ssv2")
    source = LabelSource(task="ssv2", annotations=str(tmp_path / "ssv2"))
    joined = source.join(["x/42", "1000"], "train")
    assert (len(joined), joined.listed, joined.missing) == (1, 3, ("78687", "7"))
    assert joined.report() == "1 of 3 listed train videos found; missing: 78687, 7"
    np.testing.assert_array_equal(joined.labels, [0])
    with pytest.raises(TaskError, match=r"none of the 3 listed train videos .* '78687', .* 'z'"):
        source.join(["z"], "train")


def test_the_held_out_split_is_validation_or_else_test():
    keys = ["train/a/1", "train/b/2", "test/a/3"]
    source = LabelSource(task="folder")
    assert source.join(keys).split == "test"
    assert source.join([*keys, "val/b/4"]).split == "validation"
    with pytest.raises(TaskError, match="no labelled validation video"):
        source.join(keys, "validation")


def test_a_video_in_another_classes_folder_is_another_video():
    listing = listing_of(("a/1", "a"), ("b/1", "b"))
    joined = labelled_split(listing, ["b/1"], "train", by_stem=True)
    assert (joined.labels.tolist(), joined.missing) == ([1], ("a/1",))


def test_paths_agree_as_far_as_the_shorter_goes():
    listing = listing_of(("x/y/0", "a"), ("x/z/0", "b"), ("deep/down/1", "a"))
    keys = ["root/x/y/0", "z/0", "1"]
    joined = labelled_split(listing, keys, "train", by_stem=False)
    assert joined.indices.tolist() == [0, 1, 2]
    assert joined.labels.tolist() == [0, 1, 0]


@pytest.mark.parametrize("by_stem", [True, False])
def test_two_stored_videos_for_a_name_are_refused(by_stem):
    listing = listing_of(("1", "a"))
    with pytest.raises(TaskError, match="line 1: 1 may be x/1 or y/1"):
        labelled_split(listing, ["x/1", "y/1"], "train", by_stem=by_stem)
    assert len(labelled_split(listing, ["x/1", "1"], "train", by_stem=by_stem)) == 1


def test_a_video_listed_twice_counts_once_and_must_not_change_its_class():
    twice = listing_of(("1", "a"), ("1", "a"))
    assert len(labelled_split(twice, ["1"], "train", by_stem=True)) == 1
    with pytest.raises(TaskError, match="line 2: 1 is b, but a in list, line 1"):
        labelled_split(listing_of(("1", "a"), ("1", "b")), ["1"], "train", by_stem=True)


def test_labels_are_places_in_the_models_classes():
    listing = listing_of(("1", "a"), ("2", "b"))
    joined = labelled_split(listing, ["1", "2"], "train", by_stem=True, classes=("b", "c", "a"))
    assert joined.labels.tolist() == [2, 0]
    with pytest.raises(TaskError, match="classes that training has not: b"):
        labelled_split(listing, ["1", "2"], "train", by_stem=True, classes=("a", "c"))


def test_two_classes_of_one_name_are_refused():
    with pytest.raises(TaskError, match="two classes are named 'a'"):
        listing_of(("1", "a"), classes=("a", "b", "a"))
