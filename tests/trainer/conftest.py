"""Small labelled stores whose classes a tiny model can learn."""

from collections.abc import Callable
from pathlib import Path

import pytest
from counting_stores import KEYS, build
from vimpac.datasets import TokenStore


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> TokenStore:
    return build(tmp_path_factory.mktemp("store") / "tokens", KEYS)


@pytest.fixture
def make_store(tmp_path: Path) -> Callable[..., TokenStore]:
    def make(keys: list[str], **options: object) -> TokenStore:
        return build(tmp_path / "other", keys, **options)

    return make
