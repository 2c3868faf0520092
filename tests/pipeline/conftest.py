"""Real clips and photographs, a small motion set, and the command line run in this process."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from vimpac.pipeline.cli import main
from vimpac.pipeline.demo_media import photographs, real_clips

CLASSES = "pan_left,pan_right"


class Ended:
    """How a command ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.out)


@pytest.fixture
def vimpac(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run a command; words are given apart, paths as they are."""

    def run(*words: object) -> Ended:
        capfd.readouterr()
        code = run_main(*words)
        captured = capfd.readouterr()
        return Ended(code, captured.out, captured.err)

    return run


def run_main(*words: object) -> int:
    """The exit code of a command run in this process."""
    try:
        main([str(word) for word in words])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@pytest.fixture(scope="session")
def clips() -> list[Path]:
    return real_clips()


@pytest.fixture(scope="session")
def motion_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """32 px mp4 files: 8 to train on, 4 held out, 2 unlabelled."""
    out = tmp_path_factory.mktemp("videos") / "motion"
    sizes = "--size 32 --fps 4 --train 8 --validation 4 --unlabelled 2 --unlabelled-seconds 3"
    words = ["synth", "motion", out, "--photos", photographs(), "--classes", CLASSES]
    assert run_main(*words, *sizes.split(), "--json") == 0
    return out


@pytest.fixture(scope="session")
def store(motion_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The motion set tokenized."""
    out = tmp_path_factory.mktemp("stores") / "tokens"
    assert run_main("tokenize", motion_set, "--out", out, "--size", 32, "--processes", 1) == 0
    return out


@pytest.fixture(scope="session")
def backbone(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pre-training run on it."""
    out = tmp_path_factory.mktemp("runs") / "pretrain"
    words = ["pretrain", store, "--out", out, "--preset", "debug", "--steps", 3]
    assert run_main(*words, "--batch-size", 4) == 0
    return out


@pytest.fixture(scope="session")
def classifier(store: Path, backbone: Path) -> Path:
    """A fine-tuning run from that."""
    out = backbone.parent / "motion"
    words = ["finetune", "--task", "motion", "--tokens", store, "--init", backbone, "--out", out]
    assert run_main(*words, "--steps", 3, "--batch-size", 4) == 0
    return out
