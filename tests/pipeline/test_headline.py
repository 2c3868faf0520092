"""The three headline commands with no further option, on real clips beside a motion set."""

import shutil


def test_the_headline_commands_follow_one_another(motion_set, clips, tmp_path, monkeypatch, vimpac):
    videos = tmp_path / "videos"
    videos.mkdir()
    shutil.copy(clips[1], videos)
    for split in ("train", "validation"):
        for motion in ("pan_left", "pan_right"):
            clip = min((motion_set / split / motion).glob("*.mp4"))
            (videos / split / motion).mkdir(parents=True)
            shutil.copy(clip, videos / split / motion)
    monkeypatch.chdir(tmp_path)
    assert vimpac("tokenize", "videos/", "--out", "tokens/").code == 0
    assert vimpac("pretrain", "tokens/").code == 0
    assert vimpac("finetune", "--task", "motion").code == 0
    report = vimpac("evaluate", "runs/motion", "--json").document
    assert report["videos"] == 2
    assert report["task"] == "motion"
    clip = next((videos / "validation").rglob("*.mp4"))
    predictions = vimpac("predict", "runs/motion", clip, "--json").document["predictions"]
    assert len(predictions[0]["classes"]) == 2
