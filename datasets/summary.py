"""What a store says of itself: the content of `vimpac tokens info`."""

from collections.abc import Iterable, Iterator

import numpy as np

from .format.access import StoreFiles
from .format.commit import CommitRecord
from .format.digest import logical_hash
from .format.files import COMMITS_FOLDER, TOKENIZER_FOLDER
from .format.identity import StoreIdentity
from .format.plan import read_plan


class Totals:
    """Sums over commit records, taken one at a time.

    Args:
        identity: What the store is made of.
    """

    def __init__(self, identity: StoreIdentity) -> None:
        self.identity = identity
        self.shards = self.videos = self.failed = self.frames = self.tokens = self.bytes = 0
        self.used = np.zeros(identity.vocabulary, dtype=np.bool_)

    def count(self, records: Iterable[CommitRecord]) -> Iterator[tuple[str, str]]:
        """Count records as they are drawn; yields the key and digest of every video."""
        for record in records:
            self.shards += 1
            self.videos += len(record.keys)
            self.failed += len(record.failures)
            self.frames += sum(record.frames)
            self.tokens += record.tokens(self.identity)
            self.bytes += record.bytes
            self.used |= record.used()[: len(self.used)]
            yield from zip(record.keys, record.digests, strict=True)


def summarize(
    files: StoreFiles, identity: StoreIdentity, commits: Iterable[CommitRecord]
) -> dict[str, object]:
    """Figures of a store, ready for JSON; reads the commit records, not the shards.

    `bytes_on_disk` is all files of the store; `bytes_per_token` leaves out the tokenizer's, which
    do not grow with the codes. `codebook_use` is the share of the vocabulary that occurs at least
    once.
    """
    totals = Totals(identity)
    digest = logical_hash(totals.count(commits))
    documents = sum(sum(files.sizes(folder).values()) for folder in ("", COMMITS_FOLDER))
    tokenizer = sum(files.sizes(TOKENIZER_FOLDER).values())
    codes = totals.bytes + documents
    return {
        "videos": totals.videos,
        "failed": totals.failed,
        "shards": totals.shards,
        "shards_planned": len(read_plan(files).shards),
        "frames": totals.frames,
        "tokens": totals.tokens,
        "fps": identity.fps,
        "size": identity.size,
        "views": list(identity.views),
        "grid": list(identity.grid()),
        "vocabulary": identity.vocabulary,
        "codebook_use": float(totals.used.mean()),
        "bytes_on_disk": codes + tokenizer,
        "tokenizer_bytes": tokenizer,
        "bytes_per_token": codes / totals.tokens if totals.tokens else None,
        "logical_hash": digest,
        "form": identity.form,
        "code_dtype": identity.code_dtype,
        "tokenizer": identity.tokenizer.to_dict(),
        "precision": identity.precision,
        "steady": identity.steady,
        "versions": dict(identity.versions),
    }
