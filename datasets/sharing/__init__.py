"""Sharing token stores: joining several, sending and fetching them, the card that goes with one."""

from .card import write_card
from .card_fields import CardFields
from .merge import run_merge
from .merge_plan import DUPLICATES, MergeJob, plan_merge
from .pull import Pull
from .push import Push

__all__ = [
    "DUPLICATES",
    "CardFields",
    "MergeJob",
    "Pull",
    "Push",
    "plan_merge",
    "run_merge",
    "write_card",
]
