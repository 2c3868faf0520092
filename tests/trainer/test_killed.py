"""A run that SIGKILL ends, gone on with by `--resume`, ends with an undisturbed run's weights."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kill_and_resume.py"


def test_a_kill_does_not_change_the_final_weights():
    words = [sys.executable, SCRIPT, "--kills", "1", "--steps", "30"]
    ended = subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=250)
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert result["bit_identical"]
    assert result["killed_while_running"] == 1
