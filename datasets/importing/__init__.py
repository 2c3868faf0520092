"""Codes that other programs extracted: where they lie, and bringing them into a token store."""

from .job import ImportJob, plan_import, run_import, stated_fingerprint
from .sources import CodeSource, open_source

__all__ = [
    "CodeSource",
    "ImportJob",
    "open_source",
    "plan_import",
    "run_import",
    "stated_fingerprint",
]
