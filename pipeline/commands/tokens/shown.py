"""Progress of commands that go through a store shard by shard."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

from ...console import progress


@contextmanager
def shards_shown(title: str, total: int) -> Iterator[Callable[[], None]]:
    """Show progress on stderr; yields what to call after each shard."""
    done = count(1)
    with progress(title, total) as update:
        yield lambda: update(next(done), "shards")
