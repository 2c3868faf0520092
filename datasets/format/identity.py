"""What a token store is made of: two stores of equal identity hold interchangeable codes."""

import json
import platform
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..errors import StoreError
from .files import IDENTITY_FILE
from .parse import (
    FORMAT_VERSION,
    document_sha256,
    parse_field,
    parse_list,
    parse_version,
    read_document,
    seal,
    unseal,
)

Grid = tuple[int, int]
LIBRARIES = ("vimpac", "numpy", "torch", "zarr", "numcodecs")


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that shape a store's bytes."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "unknown"
    return versions


def parse_positive(name: str, value: float) -> None:
    """Raise StoreError unless `value` is above zero and finite."""
    if not 0 < value < float("inf"):
        raise StoreError(f"{name} should be above zero, found {value!r}")


@dataclass(frozen=True, kw_only=True)
class TokenizerIdentity:
    """The tokenizer that made the codes; equal fingerprints mean the same tokenizer.

    Attributes:
        name: What people call it.
        fingerprint: sha256 over its config and weights, in hex.
        vocabulary: Number of codes; every code is below it.
        compression: Pixels a code along each side.
        temporal_compression: Frames a code.
    """

    name: str
    fingerprint: str
    vocabulary: int
    compression: int
    temporal_compression: int = 1

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        for name in ("vocabulary", "compression", "temporal_compression"):
            parse_positive(f"tokenizer {name}", getattr(self, name))
        if self.vocabulary >= 2**32:
            raise StoreError(f"a vocabulary of {self.vocabulary} does not fit codes of 32 bits")

    def to_dict(self) -> dict[str, object]:
        """The JSON form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, object]) -> "TokenizerIdentity":
        """Read the JSON form; raises StoreError on a wrong field."""
        return cls(
            name=parse_field(document, "name", str),
            fingerprint=parse_field(document, "fingerprint", str),
            vocabulary=parse_field(document, "vocabulary", int),
            compression=parse_field(document, "compression", int),
            temporal_compression=parse_field(document, "temporal_compression", int),
        )


@dataclass(frozen=True, kw_only=True)
class StoreIdentity:
    """Everything that must be equal for two runs to write into one store.

    Attributes:
        tokenizer: The tokenizer that made the codes.
        fps: Stored frames a second.
        size: Side of the square frame given to the tokenizer, in pixels.
        views: Names of the crops stored of each video.
        grids: `(h, w)` codes a frame, one for each view; by default `size / compression` squared.
        precision: Arithmetic of the encoder.
        steady: How far from the nearest code the previous frame's code may be and still be kept
            (see `Tokenizer.stream`); 0 keeps every nearest code.
        versions: Libraries at work; told, never compared.
    """

    tokenizer: TokenizerIdentity
    fps: float
    size: int
    views: tuple[str, ...] = ("center",)
    grids: tuple[Grid, ...] = ()
    precision: str = "fp32"
    steady: float = 0.0
    versions: Mapping[str, str] = field(default_factory=library_versions, compare=False)

    def __post_init__(self) -> None:
        """Bring values to one form, fill in the grids and refuse impossible values."""
        object.__setattr__(self, "fps", float(self.fps))
        object.__setattr__(self, "views", tuple(self.views))
        object.__setattr__(self, "grids", tuple(tuple(grid) for grid in self.grids))
        object.__setattr__(self, "steady", float(self.steady))
        parse_positive("fps", self.fps)
        parse_positive("size", self.size)
        if not 0 <= self.steady < float("inf"):
            raise StoreError(f"steady should not be negative, found {self.steady!r}")
        if not self.grids:
            side = self.size // self.tokenizer.compression
            object.__setattr__(self, "grids", ((side, side),) * len(self.views))
        if not self.views or len(set(self.views)) != len(self.views):
            raise StoreError(f"views should be distinct names, found {list(self.views)}")
        for view in self.views:
            if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", view):
                raise StoreError(f"view name {view!r} should be made of a-z, 0-9, _ and -")
        if len(self.grids) != len(self.views):
            raise StoreError(f"{len(self.views)} views need as many grids, found {self.grids}")
        for grid in self.grids:
            if len(grid) != 2 or min(grid) < 1:
                raise StoreError(f"a grid should be (rows, columns) of codes, found {grid}")

    @property
    def vocabulary(self) -> int:
        """Number of codes; every code is below it."""
        return self.tokenizer.vocabulary

    @property
    def code_dtype(self) -> str:
        """Stored type of a code: `uint16`, or `uint32` for vocabularies above 65535."""
        return "uint16" if self.vocabulary <= 65535 else "uint32"

    @property
    def tokens_a_frame(self) -> int:
        """Codes a stored frame, over all views."""
        return sum(h * w for h, w in self.grids)

    def grid(self, view: str = "center") -> Grid:
        """`(h, w)` codes a frame of a view; raises StoreError for a view that is not stored."""
        if view not in self.views:
            raise StoreError(f"no view {view!r} in this store, it has {', '.join(self.views)}")
        return self.grids[self.views.index(view)]

    def to_dict(self) -> dict[str, object]:
        """The JSON form, as stored in `vimpac.json`."""
        return {
            "format": "vimpac token store",
            "format_version": FORMAT_VERSION,
            "tokenizer": self.tokenizer.to_dict(),
            "fps": self.fps,
            "size": self.size,
            "views": {
                view: {"grid": list(grid)}
                for view, grid in zip(self.views, self.grids, strict=True)
            },
            "code_dtype": self.code_dtype,
            "precision": self.precision,
            "steady": self.steady,
            "versions": dict(self.versions),
        }

    def to_bytes(self) -> bytes:
        """The exact content of `vimpac.json`: the JSON form and its own hash."""
        document = seal(self.to_dict())
        return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def from_dict(cls, document: Mapping[str, object]) -> "StoreIdentity":
        """Read the JSON form; raises StoreError on a wrong field or a newer format."""
        parse_version(document)
        views = parse_field(document, "views", dict)
        identity = cls(
            tokenizer=TokenizerIdentity.from_dict(parse_field(document, "tokenizer", dict)),
            fps=parse_field(document, "fps", float),
            size=parse_field(document, "size", int),
            views=tuple(views),
            grids=tuple(parse_grid(parse_field(views, view, dict)) for view in views),
            precision=parse_field(document, "precision", str),
            steady=parse_field(document, "steady", float),
            versions=parse_field(document, "versions", dict),
        )
        if document.get("code_dtype") != identity.code_dtype:
            raise StoreError(f"code_dtype should be {identity.code_dtype} for this vocabulary")
        return identity

    @property
    def hash(self) -> str:
        """sha256 over the identity without its versions, in hex."""
        return document_sha256(compared(self))

    def differences(self, other: "StoreIdentity") -> list[str]:
        """What differs from another identity, a short phrase each; versions do not count."""
        mine, theirs = flatten(compared(self)), flatten(compared(other))
        return [
            f"{name}: {mine.get(name)} against {theirs.get(name)}"
            for name in sorted({*mine, *theirs})
            if mine.get(name) != theirs.get(name)
        ]


def read_identity(store: Path) -> StoreIdentity:
    """Read what a store is made of; raises StoreError when the folder is no store."""
    if not (store / IDENTITY_FILE).is_file():
        raise StoreError(f"{store} is not a token store (no {IDENTITY_FILE} there)")
    try:
        document = read_document(store / IDENTITY_FILE)
        parse_version(document)
        return StoreIdentity.from_dict(unseal(document))
    except StoreError as error:
        raise StoreError(f"{store / IDENTITY_FILE}: {error}") from None


def parse_grid(document: Mapping[str, object]) -> Grid:
    """Read `{"grid": [h, w]}`."""
    grid = parse_list(document, "grid", int)
    if len(grid) != 2:
        raise StoreError(f"a grid should be [rows, columns], found {list(grid)}")
    return grid[0], grid[1]


def compared(identity: StoreIdentity) -> dict[str, object]:
    """The JSON form without what is told but never compared."""
    return {name: value for name, value in identity.to_dict().items() if name != "versions"}


def flatten(document: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Nested fields under dotted names."""
    flat: dict[str, object] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value
    return flat
