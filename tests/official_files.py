"""Small label files in the official formats, with the traps that the real ones hold."""

import json
from pathlib import Path

Expected = dict[str, tuple[str, str | None]]
"""Of each listed video, by the key that finds it: its split and its class."""

TEMPLATES = {
    "Holding something next to something": "1",
    "Approaching something with your camera": "0",
    "Putting something, something and something on the table": "2",
}


def write_ssv2(folder: Path, prefix: str = "") -> Expected:
    folder.mkdir(parents=True)

    def entry(number: str, template: str) -> dict[str, object]:
        label = template.replace("[something]", "a cup").lower()
        things = ["a cup"] * template.count("[")
        return {"id": number, "label": label, "template": template, "placeholders": things}

    holding = "Holding [something] next to [something]"
    putting = "Putting [something], [something] and [something] on the table"
    camera = "Approaching [something] with your camera"
    train = [entry("78687", holding), entry("42", camera), entry("7", putting)]
    validation = [entry("1000", putting), entry("1001", holding)]
    documents = {
        "labels": TEMPLATES,
        "train": train,
        "validation": validation,
        "test": [{"id": "5"}],
    }
    for name, document in documents.items():
        (folder / f"{prefix}{name}.json").write_text(json.dumps(document, indent=1))
    h, a, p = TEMPLATES
    return {
        "78687": ("train", h),
        "42": ("train", a),
        "7": ("train", p),
        "1000": ("validation", p),
        "1001": ("validation", h),
        "5": ("test", None),
    }


DIVES = (
    ["Back", "15som", "05Twis", "FREE"],
    ["Back", "15som", "15Twis", "FREE"],
    ["Forward", "35som", "NoTwis", "PIKE"],
)


def write_diving48(folder: Path) -> Expected:
    folder.mkdir(parents=True)
    listed = {
        "train": [("-mmq0PT-u8k_00155", 0), ("_8Vy3dlHg2w_00000", 2), ("01ovZKQ3dKs_00001", 1)],
        "test": [("--3S-9RW0Yw_00022", 2), ("0EEYDKUXqzA_00037", 0)],
    }
    (folder / "Diving48_vocab.json").write_text(json.dumps(DIVES))
    for split, videos in listed.items():
        entries = [
            {"vid_name": name, "label": label, "start_frame": 0, "end_frame": 48}
            for name, label in videos
        ]
        (folder / f"Diving48_V2_{split}.json").write_text(json.dumps(entries))
    return {
        name: ("train" if split == "train" else "validation", ", ".join(DIVES[label]))
        for split, videos in listed.items()
        for name, label in videos
    }


UCF_CLASSES = ("ApplyEyeMakeup", "YoYo", "HandstandPushups", "Archery")


def write_ucf101(folder: Path) -> Expected:
    """Classes that are not in the alphabet's order, and a folder spelt unlike its videos."""
    folder.mkdir(parents=True)
    (folder / "classInd.txt").write_text(
        "".join(f"{number} {name}\n" for number, name in enumerate(UCF_CLASSES, 1)) + "\n"
    )
    expected: Expected = {}
    for split, kind, groups in (
        ("train", "trainlist", ("08", "09")),
        ("validation", "testlist", ("01",)),
    ):
        for official in (1, 2, 3):
            lines = []
            for number, name in enumerate(UCF_CLASSES, 1):
                for group in groups:
                    stem = name.replace("stand", "Stand")
                    key = f"{name}/v_{stem}_g{group}_c0{official}"
                    lines.append(f"{key}.avi {number}" if split == "train" else f"{key}.avi")
                    if official == 1:
                        expected[key] = split, name
            (folder / f"{kind}0{official}.txt").write_text("\r\n".join(lines) + "\r\n")
    return expected


def write_hmdb51(folder: Path) -> Expected:
    place = folder / "testTrainMulti_7030_splits"
    place.mkdir(parents=True)
    names = {
        "brush_hair": ("April_09_brush_hair_u_nm_np1_ba_goo_0", "Silky_Hair_(1)!_u_nm_np1_fr_1"),
        "run": ("[run]*_Alpha?_Dog_1_u_nm", "20060723sfjffjuggler_run_f_cm_np1_ba_med_2"),
        "wave": ("!wave(2)_f_nm_np1_fr_med_0", "April_09_brush_hair_u_nm_np1_ba_goo_0"),
    }
    expected: Expected = {}
    for label, (first, second) in names.items():
        for official in (1, 2, 3):
            flags = (1, 2) if official == 1 else (2, 1)
            lines = [f"{first}.avi {flags[0]}  ", f"{second}.avi {flags[1]} ", "unused_(3).avi 0 "]
            (place / f"{label}_test_split{official}.txt").write_text("\n".join(lines) + "\n")
        expected[f"{label}/{first}"] = "train", label
        expected[f"{label}/{second}"] = "validation", label
    return expected


def write_kinetics400(folder: Path) -> Expected:
    folder.mkdir(parents=True)
    (folder / "train.csv").write_text(
        "label,youtube_id,time_start,time_end,split,is_cc\n"
        "playing guitar,---QUuC4vJs,84,94,train,0\n"
        '"stretching, arm",_a-B_c_000001x,0,10,train,1\n'
        "abseiling,3E7Jib8Yq5M,118,128,train,0\n"
    )
    (folder / "validate.csv").write_text(
        "youtube_id,label,split,time_end,time_start\n"
        "__NrybzYzUg,abseiling,validate,415,405\n"
        "0wR5jVB-WPk,playing guitar,val,427,417\n"
    )
    (folder / "test.csv").write_text(
        "youtube_id,time_start,time_end,split\n--6bJUbfpnQ,17,27,test\n"
    )
    return {
        "---QUuC4vJs_000084_000094": ("train", "playing guitar"),
        "_a-B_c_000001x_000000_000010": ("train", "stretching, arm"),
        "3E7Jib8Yq5M_000118_000128": ("train", "abseiling"),
        "__NrybzYzUg_000405_000415": ("validation", "abseiling"),
        "0wR5jVB-WPk_000417_000427": ("validation", "playing guitar"),
        "--6bJUbfpnQ_000017_000027": ("test", None),
    }


OFFICIAL = {
    "ssv2": write_ssv2,
    "diving48": write_diving48,
    "ucf101": write_ucf101,
    "hmdb51": write_hmdb51,
    "kinetics400": write_kinetics400,
}
