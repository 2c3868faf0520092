"""What became of every video: the figures of a run, and its failures as a file."""

import csv
import json
from collections import Counter
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from ...datasets import TokenStore, VideoFailure
from ..errors import PipelineError
from .shard import ShardDone

FAILURE_FIELDS = ("video", "reason", "detail")


def summarise(store: TokenStore | None, shards: Sequence[ShardDone]) -> dict[str, Any]:
    """What became of every video.

    Returns:
        `videos` planned, `tokenized` now, `skipped` as done before, `failed` by reason,
        `failures`, and the store's `frames`, `tokens`, `bytes_on_disk`, `bytes_per_token`.
    """
    failures = [failure for done in shards for failure in done.failures]
    tokenized = sum(done.tokenized for done in shards)
    skipped = sum(done.skipped for done in shards)
    sizes = ("frames", "tokens", "bytes_on_disk", "bytes_per_token", "logical_hash")
    held = store.summary() if store is not None else dict.fromkeys(sizes)
    return {
        "videos": tokenized + skipped + len(failures),
        "tokenized": tokenized,
        "skipped": skipped,
        "failed": dict(Counter(failure.reason for failure in failures)),
        "failures": [failure_fields(failure) for failure in failures],
        **{name: held[name] for name in sizes},
    }


def failure_fields(failure: VideoFailure) -> dict[str, str]:
    """A failure as summaries and files have it: by `FAILURE_FIELDS`."""
    values = (failure.key, failure.reason, failure.detail)
    return dict(zip(FAILURE_FIELDS, values, strict=True))


def check_failures_file(path: Path) -> None:
    """Raise PipelineError unless `write_failures` knows the file's ending."""
    if path.suffix not in (".csv", ".jsonl"):
        raise PipelineError(f"--failures-out should end in .csv or .jsonl: {path}")


def write_failures(path: Path, failures: Sequence[dict[str, str]]) -> None:
    """Write the failures of a summary as `.csv` with a header, or `.jsonl`."""
    text = StringIO()
    if path.suffix == ".csv":
        writer = csv.DictWriter(text, FAILURE_FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(failures)
    else:
        text.writelines(json.dumps(failure, ensure_ascii=False) + "\n" for failure in failures)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.getvalue(), encoding="utf-8")
