"""What the token store raises when it cannot do what was asked."""

NO_VIDEOS = "the store holds no video: all that were to be tokenized may have failed"
"""What is said of a store with which nothing can be done."""


class StoreError(ValueError):
    """One clear line for the user: what is wrong, where, and what to do."""
