"""`.npy` content from strangers: integers come back, all else is refused before it costs memory."""

import io
import tracemalloc

import numpy as np
import pytest
from vimpac.datasets import StoreError
from vimpac.datasets.format.npy import read_npy


def saved(array: np.ndarray, **options: bool) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def with_header(shape: tuple[int, ...], descr: str = "<i2", content: bytes = b"xx") -> bytes:
    file = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + content


@pytest.mark.parametrize("dtype", ["<i2", "<u2", ">u4", "<i8", "u1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_integers_come_back(dtype: str, order: str) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(dtype, order=order)
    content = saved(array)
    np.testing.assert_array_equal(read_npy(io.BytesIO(content), len(content)), array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (saved(np.array([{}], dtype=object), allow_pickle=True), "Python objects"),
        (saved(np.zeros(3)), "float64, not integers"),
        (saved(np.zeros(3, dtype=[("a", "<i2")])), "not integers"),
        (with_header((10**13,)), "promises int16"),
        (with_header((2**62, 4)), "promises int16"),
        (with_header((-1, -1)), "promises int16"),
        (with_header((0, 10**30), content=b""), "promises int16"),
        (saved(np.arange(5))[:-1], "promises int64"),
        (b"", "no .npy"),
        (b"\x80\x04cos\nsystem\n", "no .npy"),
        (b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535, "no .npy"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", "version 1.0"),
    ],
)
def test_all_else_is_refused(content: bytes, message: str) -> None:
    tracemalloc.start()
    with pytest.raises(StoreError, match=message):
        read_npy(io.BytesIO(content), len(content))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**24


def test_content_shorter_than_its_size_is_refused() -> None:
    content = saved(np.arange(5))
    with pytest.raises(StoreError, match="ends after 39 of 40 bytes"):
        read_npy(io.BytesIO(content[:-1]), len(content))
