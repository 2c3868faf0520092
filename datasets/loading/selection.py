"""Choosing videos of a store by their keys."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from ..errors import NO_VIDEOS, StoreError


def select_videos(
    keys: Sequence[str], *, only: str | None = None, exclude: str | None = None
) -> NDArray[np.int64]:
    """Places of the keys that match `only` and not `exclude`, ascending, `(n,)` int64.

    Args:
        keys: the store's keys.
        only: a shell pattern such as `train/*`, in which `*` also stands for `/`; none takes all.
        exclude: a pattern of keys to leave out; none leaves out nothing.

    Raises:
        StoreError: no key is left.
    """
    places = [
        place
        for place, key in enumerate(keys)
        if (only is None or fnmatchcase(key, only))
        and (exclude is None or not fnmatchcase(key, exclude))
    ]
    if not len(keys):
        raise StoreError(NO_VIDEOS)
    if not places:
        raise StoreError(
            f"none of the {len(keys)} videos is left (only {only!r}, exclude {exclude!r}); "
            f"keys look like {keys[0]!r}"
        )
    return np.array(places, dtype=np.int64)
