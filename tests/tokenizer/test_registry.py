"""What `--tokenizer` takes: names, paths, and the tokenizers of installed packages."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from vimpac.tokenizer import (
    TokenizerError,
    codes_differing,
    generated_pictures,
    known_tokenizers,
    load_tokenizer,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "tokenizers.md"
Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a package that offers the tokenizer `mean-colour`: its entry point and its code."""

    def write(target: str, code: str) -> None:
        about = tmp_path / "site" / "mean_colour-1.2.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: mean-colour\nVersion: 1.2\n")
        (about / "entry_points.txt").write_text(f"[vimpac.tokenizers]\nmean-colour = {target}\n")
        (tmp_path / "site" / "mean_colour.py").write_text(code)
        monkeypatch.delitem(sys.modules, "mean_colour", raising=False)
        monkeypatch.syspath_prepend(tmp_path / "site")

    return write


def documented() -> str:
    """The example of docs/tokenizers.md."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), flags=re.DOTALL)
    return code


def test_the_documented_package_works(install: Install, tmp_path: Path) -> None:
    install("mean_colour:load", documented())
    assert ("mean-colour", "installed package", "mean-colour 1.2") in known_tokenizers()
    assert "mean_colour" not in sys.modules
    frames = generated_pictures(2, 64)
    tokenizer = load_tokenizer("mean-colour")
    codes = tokenizer.encode(frames)
    assert codes.shape == (2, 8, 8)
    assert (tokenizer.decode(codes).float().mean() - frames.float().mean()).abs() < 8
    saved = tokenizer.save(tmp_path / "tokenizer")
    for spec in ("mean-colour:anything", saved, saved.parent):
        again = load_tokenizer(spec)
        assert again.fingerprint == tokenizer.fingerprint
        assert codes_differing(tokenizer, again, frames) == 0


@pytest.mark.parametrize(
    ("target", "code", "says"),
    [
        ("mean_colour:load", "raise OSError('two\\nlines')", "OSError: two lines"),
        ("mean_colour:missing", "", "missing"),
        ("nowhere:load", "", "No module named 'nowhere'"),
        ("mean_colour:load", "load = lambda argument, options: argument", "made a str"),
    ],
)
def test_a_package_that_fails_is_one_line(
    install: Install, target: str, code: str, says: str
) -> None:
    install(target, code)
    with pytest.raises(
        TokenizerError, match=r"^tokenizer 'mean-colour' of package [^\n]*$"
    ) as told:
        load_tokenizer("mean-colour")
    assert says in str(told.value)


def test_an_unknown_name_is_told_what_there_is() -> None:
    with pytest.raises(TokenizerError, match=r"^dale:x: [^\n]* default, dalle:PATH, [^\n]*$"):
        load_tokenizer("dale:x")


def test_codes_of_different_tokenizers_are_not_compared(install: Install) -> None:
    install("mean_colour:load", documented().replace('"mean-colour", 4096, 8', '"m", 4097, 8'))
    with pytest.raises(TokenizerError, match="cannot be compared"):
        codes_differing(load_tokenizer(), load_tokenizer("mean-colour"), generated_pictures(1, 64))


def test_precisions_are_compared() -> None:
    frames = generated_pictures(2, 128)
    exact, fast = load_tokenizer(), load_tokenizer(precision="bf16")
    assert codes_differing(exact, exact, frames) == 0
    assert codes_differing(exact, exact, frames[:0]) == 0
    differing = (exact.encode(frames) != fast.encode(frames)).float().mean().item()
    assert codes_differing(fast, exact, frames) == pytest.approx(differing)
    assert torch.equal(frames, generated_pictures(2, 128))
