"""Unpickle tensors and containers, and nothing else: no name in a pickle is ever imported.

Whole pickled modules hold objects of classes that weights do not need. A `StandIn` takes the place
of those: it keeps the object's state and does nothing. Any name outside the few below is refused.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Iterable
from typing import IO, Any, ClassVar

import torch
from torch import Tensor

STORAGES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}

STAND_IN_PACKAGES = (
    *("torch.nn.", "dall_e.", "taming.", "ldm.", "omegaconf."),
    *("pytorch_lightning.", "lightning.", "lightning_fabric."),
)
STAND_IN_NAMES = frozenset(
    {"torch.device", "torch.Size", "numpy.dtype", "_codecs.encode"}
    | {f"torch.{str(dtype).removeprefix('torch.')}" for dtype in STORAGES.values()}
    | {"numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"}
)
"""What weights files carry besides weights: modules, configurations, callbacks, figures."""


UNBOUNDED = frozenset(
    opcode[0] for opcode in (pickle.BYTEARRAY8, pickle.EMPTY_SET, pickle.FROZENSET)
)
"""Opcodes that can take memory or time out of all proportion; torch writes none of them."""


class RefusedPickle(pickle.UnpicklingError):
    """The pickle asks for something that weights do not need."""


class StandIn:
    """In place of an object whose class is not imported: its state, and no behaviour."""

    __slots__ = ("state",)
    state: Any

    def __new__(cls, *_: object) -> StandIn:
        """Ignore what the object would have been made from."""
        self = super().__new__(cls)
        self.state = {}
        return self

    def __setstate__(self, state: object) -> None:
        """Keep the object's attributes."""
        self.state = state

    def __setitem__(self, key: object, value: object) -> None:
        """Ignore the items of dictionary-like objects."""


class PlainDict(dict[Any, Any]):
    """A dictionary, for ordered ones too; attributes set on it are ignored."""

    __slots__ = ()

    def __init__(self, items: Iterable[tuple[Any, Any]] = ()) -> None:
        """Take pairs of key and value."""
        super().__init__()
        for key, value in items:
            self[key] = value

    def __setitem__(self, key: Any, value: Any) -> None:
        """Refuse tuples, whose hash can be made to take forever."""
        if isinstance(key, tuple):
            raise RefusedPickle("it uses tuples as keys")
        super().__setitem__(key, value)

    def __setstate__(self, state: object) -> None:
        """Ignore a state dict's metadata."""


class _Builder:
    """A callable that a pickle can call but not change."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Tensor]) -> None:
        self._make = make

    def __call__(self, *arguments: Any) -> Tensor:
        return self._make(*arguments)


ReadStorage = Callable[[str, torch.dtype, int], Tensor]
"""From a storage's key, type and number of elements to its elements `(n,)`."""


class RestrictedUnpickler(pickle._Unpickler):
    """Builds tensors of at most `limit` bytes in all, containers, and stand-ins.

    The unpickler in Python, since the one in C takes memory for whatever lengths a file claims.

    Raises:
        RefusedPickle: The pickle asks for anything else. A malformed one raises anything at all.
    """

    dispatch: ClassVar[dict[int, Callable[..., None]]] = {
        code: load for code, load in pickle._Unpickler.dispatch.items() if code not in UNBOUNDED
    }

    def __init__(self, file: IO[bytes], read_storage: ReadStorage, *, limit: int) -> None:
        super().__init__(file, encoding="utf-8")
        self._read_storage = read_storage
        self._storages: dict[str, Tensor] = {}
        self._left = limit
        parameter = _Builder(self._parameter)
        self._known = {
            "collections.OrderedDict": PlainDict,
            "builtins.set": StandIn,
            "__builtin__.set": StandIn,
            "torch._utils._rebuild_tensor": _Builder(self._tensor),
            "torch._utils._rebuild_tensor_v2": _Builder(self._tensor),
            "torch._utils._rebuild_parameter": parameter,
            "torch._utils._rebuild_parameter_with_state": parameter,
        }

    def find_class(self, module: str, name: str) -> Any:
        """Look a name up among those allowed; never import it."""
        full = f"{module}.{name}"
        if full in self._known:
            return self._known[full]
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        if full in STAND_IN_NAMES or full.startswith(STAND_IN_PACKAGES):
            return StandIn
        raise RefusedPickle(f"it asks for '{full}', which weights do not need")

    def load_empty_dictionary(self) -> None:
        """Push a dictionary of our kind."""
        self.append(PlainDict())  # type: ignore[attr-defined]

    def load_dict(self) -> None:
        """Make a dictionary of our kind from what lies above the mark."""
        items = self.pop_mark()  # type: ignore[attr-defined]
        self.append(PlainDict(zip(items[::2], items[1::2], strict=True)))  # type: ignore[attr-defined]

    def load_build(self) -> None:
        """Set the state of our own kinds of object; a tensor's would resize its storage."""
        if not isinstance(self.stack[-2], StandIn | PlainDict):  # type: ignore[attr-defined]
            raise RefusedPickle("it sets attributes of what is no object")
        super().load_build()  # type: ignore[misc]

    dispatch |= {
        pickle.EMPTY_DICT[0]: load_empty_dictionary,
        pickle.DICT[0]: load_dict,
        pickle.BUILD[0]: load_build,
    }

    def persistent_load(self, reference: Any) -> Any:
        """Resolve a storage, or the class of a module kept with its source code."""
        kind, first, *rest = reference
        if kind == "module":
            return first
        if kind != "storage" or not isinstance(first, torch.dtype):
            raise RefusedPickle(f"it refers to a {kind!r} of an unknown type")
        key, _, count, *view = rest
        if not isinstance(key, str) or not isinstance(count, int):
            raise RefusedPickle("it refers to a storage by no name or size")
        if any(view):
            raise RefusedPickle("it holds views of storages, which only torch before 0.4 wrote")
        if key not in self._storages:
            self._storages[key] = self._read_storage(key, first, count)
        if self._storages[key].dtype != first:
            raise RefusedPickle(f"it gives storage {key} two types")
        return self._storages[key]

    def _tensor(
        self, storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any
    ) -> Tensor:
        self._left -= math.prod(size) * storage.element_size()
        if self._left < 0:
            raise RefusedPickle("its tensors are larger than the file")
        return storage.as_strided(size, stride, offset)

    def _parameter(self, data: Tensor, *_: Any) -> Tensor:
        return data
