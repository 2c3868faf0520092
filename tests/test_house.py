"""The house rules that a machine can hold: who imports whom, and what a wheel holds."""

import ast
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "datasets": set(),
    "tokenizer": set(),
    "trainer": {"datasets"},
    "pipeline": {"datasets", "tokenizer", "trainer"},
}


def rooms_imported(file: Path) -> set[str]:
    """Rooms that a file imports from, by relative or absolute import."""
    depth = len(file.relative_to(ROOT).parts)
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level >= depth:
            found.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vimpac."):
            found.add((node.module or "").split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {n.name.split(".")[1] for n in node.names if n.name.startswith("vimpac.")}
    return found - {file.relative_to(ROOT).parts[0]}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_rooms_import_only_what_they_may(room):
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    for file in files:
        assert rooms_imported(file) <= MAY_IMPORT[room], file


def test_every_file_says_what_it_holds():
    for room in MAY_IMPORT:
        for file in (ROOT / room).rglob("*.py"):
            assert ast.get_docstring(ast.parse(file.read_text())), file


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in (*MAY_IMPORT, "pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name)
        else:
            shutil.copy(ROOT / name, source / name)
    words = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", out, source]
    subprocess.run([sys.executable, "-m", "pip", *map(str, words)], check=True, timeout=120)
    return next(out.glob("vimpac-*.whl"))


def test_the_wheel_holds_every_module_and_the_weights(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for room in MAY_IMPORT:
        for file in (ROOT / room).rglob("*.py"):
            assert f"vimpac/{file.relative_to(ROOT)}" in names
    assert "vimpac/tokenizer/weights/default.safetensors" in names
    assert not any(name.startswith(("datasets/", "tests/")) for name in names)


def test_the_wheel_works_outside_the_checkout(wheel, tmp_path):
    """Without `site`, whose `.pth` files would bring in the checkout."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    places = [str(tmp_path / "site"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    script = (
        f"import sys; sys.path += {places!r}\n"
        "from vimpac.tokenizer import load_tokenizer\n"
        "import vimpac.pipeline.cli as cli\n"
        "print(cli.__file__, load_tokenizer().vocabulary)\n"
        "cli.main(['model', 'info', '--json'])\n"
    )
    command = [sys.executable, "-S", "-c", script]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(f"{tmp_path}/site/vimpac/pipeline/cli.py 4096")
    assert '"backbone_parameters"' in ended.stdout
