"""What the token store raises when it cannot do what was asked."""


class StoreError(ValueError):
    """One clear line for the user: what is wrong, where, and what to do."""
