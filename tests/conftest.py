"""Two test processes share the cores: each, and what it starts, computes on one thread."""

import os
from collections.abc import Iterator

os.environ["OMP_NUM_THREADS"] = "1"

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def threads_stay() -> Iterator[None]:
    """A test that left more threads behind would change the bits of every later training."""
    yield
    left = torch.get_num_threads()
    torch.set_num_threads(1)
    assert left == 1, f"the test left torch with {left} threads"
