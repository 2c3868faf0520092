"""The demo in miniature: every step it takes, with sizes that show nothing but that it works."""

import json

import pytest
from PIL import Image
from vimpac.pipeline import PipelineError, demo


def test_the_demo_runs_and_is_gone_on_with(tmp_path, monkeypatch):
    monkeypatch.setattr(
        demo,
        "SYNTH",
        "--size 32 --fps 4 --seconds 3 --train 8 --validation 8 --unlabelled 0 "
        "--classes pan_left,pan_right,pan_up,pan_down",
    )
    monkeypatch.setattr(demo, "TOKENIZER", "--vocabulary 16 --steps 2 --batch-size 1 --crop 32")
    monkeypatch.setattr(demo, "PRETRAIN", "--preset debug --steps 2 --batch-size 2")
    monkeypatch.setattr(demo, "FINETUNE", "--task motion --steps 2 --batch-size 2")
    monkeypatch.setattr(demo, "SCRATCH", ("scratch", "--preset debug"))
    out = tmp_path / "demo"
    summary = demo.run_demo(out)
    assert json.loads((out / "summary.json").read_text()) == summary
    assert summary["videos_tokenized"] == 19
    assert summary["videos_failed"] == 0
    assert summary["chance"] == 0.25
    assert summary["held_out_clips"] == 8
    assert 0 <= summary["p_value_against_chance"] <= 1
    for figure in ("masked_token_accuracy", "most_frequent_token_accuracy", "top1_scratch"):
        assert 0 <= summary[figure] <= 1
    with Image.open(out / "fill_in.png") as picture:
        assert picture.width > 5 * 160
    assert (out / "tokens" / "vimpac.json").exists()


def test_a_failing_command_stops_the_demo(tmp_path):
    with pytest.raises(PipelineError, match="vimpac evaluate ended with 2"):
        demo.vimpac("evaluate", tmp_path)


def test_the_p_value_is_the_binomial_tail():
    assert demo.chance_of_at_least(0, 10, 0.5) == pytest.approx(1)
    assert demo.chance_of_at_least(10, 10, 0.5) == pytest.approx(2**-10)
    assert demo.chance_of_at_least(2, 3, 0.25) == pytest.approx(3 * 0.25**2 * 0.75 + 0.25**3)
