"""The main job end to end, in minutes on two cores: real video, tokens, a classifier.

The demo runs the commands that a user would type, and shows them. Broken off, it goes on where it
was: every command does.
"""

import json
import math
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .console import note
from .demo_media import photographs, real_clips
from .errors import PipelineError

SYNTH = (
    "--size 32 --fps 4 --seconds 4 --speed 0.25 0.25 --train 800 --validation 400 "
    "--unlabelled 2400 --unlabelled-seconds 4 --classes pan_left,pan_right,pan_up,pan_down"
)
"""The picture moves by half a token a stored frame: 4 of 32 px, at 2 fps."""

TOKENIZER = "--vocabulary 128 --steps 400"
"""A small vocabulary is learned within minutes; the built-in one has 4096 codes."""

PRETRAIN = (
    "--preset tiny --layout THW --codebook-embedding --contrastive-weight 0.1 "
    "--steps 3000 --batch-size 16 --lr 2e-3"
)
FINETUNE = "--task motion --steps 300 --batch-size 32 --lr 1e-3"
SCRATCH = ("scratch", "--preset tiny --layout THW")
"""The same model from random weights."""
HELD_OUT = "*/validation/*"


def run_demo(out: Path) -> dict[str, Any]:
    """Make videos, tokenize, pre-train, fine-tune, evaluate, and draw what the model knows.

    Leaves in `out`: `videos/`, `tokens/` (the store), `runs/`, `fill_in.png`, `summary.json`.

    Returns:
        What `summary.json` holds.

    Raises:
        PipelineError: the packages with clips and photographs are missing, or a command failed.
    """
    started = time.monotonic()
    videos, tokens, runs = out / "videos", out / "tokens", out / "runs"
    copy_real_clips(videos / "real")
    vimpac("synth motion", videos / "motion", "--photos", photographs(), SYNTH)
    copy_training_photographs(videos / "motion", out / "photographs")
    tokenizer = out / "tokenizer.safetensors"
    if not tokenizer.exists():
        pictures = (out / "photographs", videos / "real")
        vimpac("tokenizer train", *pictures, "--out", tokenizer, TOKENIZER, "--resume")
    tokenized = vimpac(
        "tokenize", videos, "--out", tokens, "--tokenizer", tokenizer, "--size 32 --fps 2"
    )
    backbone = runs / "pretrain"
    vimpac("pretrain", tokens, "--out", backbone, "--exclude", HELD_OUT, PRETRAIN, "--resume")
    masked = vimpac("evaluate", backbone, "--only", HELD_OUT)
    top1 = {}
    for name, init in (("pretrained", (backbone,)), ("scratch", SCRATCH)):
        run = runs / f"motion-{name}"
        vimpac("finetune --tokens", tokens, "--out", run, FINETUNE, "--resume --init", *init)
        top1[name] = vimpac("evaluate", run)
    shown = (held_out_clip(videos, motion) for motion in ("pan_left", "pan_down"))
    vimpac("preview", backbone, *shown, "--out", out / "fill_in.png")
    summary = summarise(tokenized, masked, top1) | {"seconds": round(time.monotonic() - started)}
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    return summary


def vimpac(command: str, *arguments: Path | str) -> dict[str, Any]:
    """Run one command of ours, shown as the user would type it, and return its JSON.

    Words of `command` and of arguments that begin with `--` are split; paths and patterns stand.
    """
    words = command.split()
    for argument in map(str, arguments):
        words += argument.split() if argument.startswith("--") else [argument]
    note(f"\n$ vimpac {shlex.join(words)}")
    line = [sys.executable, "-m", "vimpac.pipeline.cli", *words, "--json"]
    ended = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode != 0:
        raise PipelineError(f"the demo stopped: vimpac {words[0]} ended with {ended.returncode}")
    document: dict[str, Any] = json.loads(ended.stdout)
    return document


def copy_real_clips(folder: Path) -> None:
    """Put the packages' real clips where the demo's other videos are."""
    folder.mkdir(parents=True, exist_ok=True)
    for clip in real_clips():
        shutil.copyfile(clip, folder / clip.name)


def copy_training_photographs(motion: Path, folder: Path) -> None:
    """Set apart the photographs of the training clips: the tokenizer sees no held-out one."""
    names = json.loads((motion / "motion.json").read_text())["photographs"]["train"]
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copyfile(photographs() / name, folder / Path(name).name)


def held_out_clip(videos: Path, motion: str) -> Path:
    """The middle one of a class's validation clips."""
    clips = sorted((videos / "motion" / "validation" / motion).glob("*.mp4"))
    return clips[len(clips) // 2]


def summarise(
    tokenized: dict[str, Any], masked: dict[str, Any], top1: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """The demo's figures, all on held-out clips of photographs that training never saw."""
    held_out, chance = top1["pretrained"]["videos"], top1["pretrained"]["chance"]
    right = round(top1["pretrained"]["top1"] * held_out)
    return {
        "videos_tokenized": tokenized["tokenized"] + tokenized["skipped"],
        "videos_failed": sum(tokenized["failed"].values()),
        "tokens": tokenized["tokens"],
        "bytes_per_token": tokenized["bytes_per_token"],
        "masked_token_accuracy": masked["masked_token_accuracy"],
        "most_frequent_token_accuracy": masked["most_frequent_token_accuracy"],
        "top1_pretrained": top1["pretrained"]["top1"],
        "top1_scratch": top1["scratch"]["top1"],
        "chance": chance,
        "held_out_clips": held_out,
        "p_value_against_chance": chance_of_at_least(right, held_out, chance),
    }


def chance_of_at_least(hits: int, draws: int, probability: float) -> float:
    """The probability that guessing gets at least `hits` of `draws` right (binomial)."""
    return sum(
        math.comb(draws, k) * probability**k * (1 - probability) ** (draws - k)
        for k in range(hits, draws + 1)
    )
