"""A small store for every test that asks for one."""

from pathlib import Path

import pytest
from sample_stores import Videos, build, make_videos


@pytest.fixture
def videos() -> Videos:
    """Ten videos, the eighth of which fails."""
    return make_videos(10)


@pytest.fixture
def store_path(tmp_path: Path, videos: Videos) -> Path:
    """A store of three shards."""
    return build(tmp_path / "tokens", videos)
