"""Reading `.npy` content from strangers: plain integers only, never more than is there."""

import math
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from ..errors import StoreError


def read_npy(file: BinaryIO, size: int) -> NDArray[np.integer]:
    """Read one array of integers, whose `.npy` content is `size` bytes long.

    The header has to account for every byte before anything is allocated for the array.

    Raises:
        StoreError: it is no `.npy` of version 1.0 (as `numpy.save` writes integers), holds Python
            objects or other types, or its header promises more or fewer bytes than there are.
    """
    start = file.tell()
    try:
        if npy_format.read_magic(file) != (1, 0):
            raise StoreError("it is no .npy of version 1.0")
        shape, fortran, dtype = npy_format.read_array_header_1_0(file)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise StoreError(f"it is no .npy of integers ({error})") from None
    if dtype.kind not in "iu":
        held = "Python objects" if dtype.hasobject else str(dtype)
        raise StoreError(f"its array holds {held}, not integers")
    promised, there = math.prod(shape) * dtype.itemsize, size - (file.tell() - start)
    if promised != there or min(shape, default=1) < 1:
        raise StoreError(f"its header promises {dtype} {shape}, there are {there} bytes")
    content = file.read(promised)
    if len(content) != promised:
        raise StoreError(f"it ends after {len(content)} of {promised} bytes")
    return np.frombuffer(content, dtype=dtype).reshape(shape, order="F" if fortran else "C")
