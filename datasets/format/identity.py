"""What a token store is made of: two stores of equal identity hold interchangeable codes."""

import json
import platform
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version

from ..errors import StoreError
from .access import Place, open_files
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
from .views import FULL

Grid = tuple[int, int]
FORMS = ("zarr", "webdataset")
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
            None for `full`, whose grid is each video's own.
        precision: Arithmetic of the encoder.
        steady: How far from the nearest code the previous frame's code may be and still be kept
            (see `Tokenizer.stream`); 0 keeps every nearest code.
        form: How a token shard is packed, `zarr` or `webdataset`; told, never compared.
        versions: Libraries at work; told, never compared.
    """

    tokenizer: TokenizerIdentity
    fps: float
    size: int
    views: tuple[str, ...] = ("center",)
    grids: tuple[Grid | None, ...] = ()
    precision: str = "fp32"
    steady: float = 0.0
    form: str = field(default="zarr", compare=False)
    versions: Mapping[str, str] = field(default_factory=library_versions, compare=False)

    def __post_init__(self) -> None:
        """Bring values to one form, fill in the grids and refuse impossible values."""
        object.__setattr__(self, "fps", float(self.fps))
        object.__setattr__(self, "views", tuple(self.views))
        object.__setattr__(self, "grids", tuple(grid and tuple(grid) for grid in self.grids))
        object.__setattr__(self, "steady", float(self.steady))
        parse_positive("fps", self.fps)
        parse_positive("size", self.size)
        if not 0 <= self.steady < float("inf"):
            raise StoreError(f"steady should not be negative, found {self.steady!r}")
        if self.form not in FORMS:
            raise StoreError(f"a store's form is one of {', '.join(FORMS)}, found {self.form!r}")
        if not self.grids:
            grids = tuple(None if view == FULL else self.crop_grid for view in self.views)
            object.__setattr__(self, "grids", grids)
        if not self.views or len(set(self.views)) != len(self.views):
            raise StoreError(f"views should be distinct names, found {list(self.views)}")
        for view in self.views:
            if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", view):
                raise StoreError(f"view name {view!r} should be made of a-z, 0-9, _ and -")
        if len(self.grids) != len(self.views):
            raise StoreError(f"{len(self.views)} views need as many grids, found {self.grids}")
        for view, grid in zip(self.views, self.grids, strict=True):
            if (grid is None) != (view == FULL):
                raise StoreError(f"view {view}: the grid of {FULL}, and of no other, is open")
            if grid is not None and (len(grid) != 2 or min(grid) < 1):
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
    def crop_grid(self) -> Grid:
        """`(h, w)` codes of a square frame of `size`."""
        side = self.size // self.tokenizer.compression
        return side, side

    @property
    def default_view(self) -> str:
        """The view that is read when none is named: `center` where it is stored."""
        return "center" if "center" in self.views else self.views[0]

    def stored_grid(self, view: str) -> Grid | None:
        """`(h, w)` codes a stored frame of a view, None where each video has its own.

        Raises:
            StoreError: the view is not stored.
        """
        if view not in self.views:
            raise StoreError(f"no view {view!r} in this store, it has {', '.join(self.views)}")
        return self.grids[self.views.index(view)]

    def grid(self, view: str | None = None) -> Grid:
        """`(h, w)` codes a frame of a clip of a view; raises StoreError if it is not stored.

        Of `full`, clips are square crops of `size`.
        """
        return self.stored_grid(view or self.default_view) or self.crop_grid

    def tokens_a_frame(self, grid: Grid | None = None) -> int:
        """Codes a stored frame over all views, `grid` standing for `full`."""
        grids = [stored or grid for stored in self.grids]
        return sum(h * w for h, w in filter(None, grids))

    def to_dict(self) -> dict[str, object]:
        """The JSON form, as stored in `vimpac.json`."""
        return {
            "format": "vimpac token store",
            "format_version": FORMAT_VERSION,
            "tokenizer": self.tokenizer.to_dict(),
            "fps": self.fps,
            "size": self.size,
            "views": {
                view: {"grid": grid and list(grid)}
                for view, grid in zip(self.views, self.grids, strict=True)
            },
            "code_dtype": self.code_dtype,
            "precision": self.precision,
            "steady": self.steady,
            "form": self.form,
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
            form=parse_field(document, "form", str),
            versions=parse_field(document, "versions", dict),
        )
        if document.get("code_dtype") != identity.code_dtype:
            raise StoreError(f"code_dtype should be {identity.code_dtype} for this vocabulary")
        return identity

    @property
    def hash(self) -> str:
        """sha256 over the identity without its form and versions, in hex."""
        return document_sha256(compared(self))

    def differences(self, other: "StoreIdentity") -> list[str]:
        """What differs from another identity, a short phrase each; see `compared`."""
        mine, theirs = flatten(compared(self)), flatten(compared(other))
        return [
            f"{name}: {mine.get(name)} against {theirs.get(name)}"
            for name in sorted({*mine, *theirs})
            if mine.get(name) != theirs.get(name)
        ]


def read_identity(store: Place) -> StoreIdentity:
    """Read what a store is made of; raises StoreError when there is no store."""
    files = open_files(store)
    try:
        files.open(IDENTITY_FILE)
    except StoreError:
        raise StoreError(
            f"{files.location} is not a token store (no {IDENTITY_FILE} there)"
        ) from None
    try:
        document = read_document(files, IDENTITY_FILE)
        parse_version(document)
        return StoreIdentity.from_dict(unseal(document))
    except StoreError as error:
        raise StoreError(f"{files.location}: {IDENTITY_FILE}: {error}") from None


def parse_grid(document: Mapping[str, object]) -> Grid | None:
    """Read `{"grid": [h, w]}`, or `{"grid": null}`."""
    if document.get("grid", ()) is None:
        return None
    grid = parse_list(document, "grid", int)
    if len(grid) != 2:
        raise StoreError(f"a grid should be [rows, columns], found {list(grid)}")
    return grid[0], grid[1]


def compared(identity: StoreIdentity) -> dict[str, object]:
    """The JSON form without what is told but never compared."""
    told = ("form", "versions")
    return {name: value for name, value in identity.to_dict().items() if name not in told}


def flatten(document: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Nested fields under dotted names."""
    flat: dict[str, object] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value
    return flat
