"""What a store says of itself: the content of `vimpac tokens info`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .format.commit import CommitRecord
from .format.digest import logical_hash
from .format.files import TOKENIZER_FOLDER, files_below
from .format.identity import StoreIdentity
from .format.plan import read_plan


def summarize(
    store: Path, identity: StoreIdentity, commits: Sequence[CommitRecord]
) -> dict[str, object]:
    """Figures of a store, ready for JSON; reads the commit records, not the shards.

    `bytes_on_disk` is everything in the folder; `bytes_per_token` leaves out the tokenizer's
    files, which do not grow with the codes. `codebook_use` is the share of the vocabulary that
    occurs at least once.
    """
    frames = sum(sum(commit.frames) for commit in commits)
    tokens = sum(commit.tokens(identity) for commit in commits)
    sizes = {name: path.stat().st_size for name, path in files_below(store).items()}
    tokenizer_bytes = sum(
        size for name, size in sizes.items() if name.startswith(f"{TOKENIZER_FOLDER}/")
    )
    used = np.logical_or.reduce([commit.used() for commit in commits])
    digests = [pair for c in commits for pair in zip(c.keys, c.digests, strict=True)]
    return {
        "videos": len(digests),
        "failed": sum(len(commit.failures) for commit in commits),
        "shards": len(commits),
        "shards_planned": len(read_plan(store).shards),
        "frames": frames,
        "tokens": tokens,
        "fps": identity.fps,
        "size": identity.size,
        "views": list(identity.views),
        "grid": list(identity.grid()),
        "vocabulary": identity.vocabulary,
        "codebook_use": float(used.sum()) / identity.vocabulary,
        "bytes_on_disk": sum(sizes.values()),
        "tokenizer_bytes": tokenizer_bytes,
        "bytes_per_token": (sum(sizes.values()) - tokenizer_bytes) / tokens if tokens else None,
        "logical_hash": logical_hash(digests),
        "tokenizer": identity.tokenizer.to_dict(),
        "precision": identity.precision,
        "versions": dict(identity.versions),
    }
