"""Token shards: the forms they take, writing one and reading it back."""

from pathlib import Path

from ..format.access import Place, open_files
from ..format.identity import StoreIdentity
from .form import ShardForm, ShardReader, shard_name
from .layout import ShardLayout
from .tar_form import TarForm
from .zarr_form import ZarrForm

FORMS: dict[str, ShardForm] = {"zarr": ZarrForm(), "webdataset": TarForm()}
"""Every form by the name it has in `vimpac.json`."""


def shard_of(identity: StoreIdentity, shard: int) -> str:
    """A token shard's file or folder, relative to its store."""
    return shard_name(shard, FORMS[identity.form].suffix)


def shard_path(store: Path, identity: StoreIdentity, shard: int) -> Path:
    """A token shard's file or folder."""
    return store / shard_of(identity, shard)


def open_shard(store: Place, shard: int, layout: ShardLayout) -> ShardReader:
    """Open a token shard to read; raises StoreError when it is missing or damaged."""
    form = FORMS[layout.identity.form]
    return form.open(open_files(store), shard_name(shard, form.suffix), layout)
