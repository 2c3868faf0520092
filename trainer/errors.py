"""The trainer's error type."""


class TrainingError(ValueError):
    """A user's mistake in training, evaluation or checkpoints; its text is one clear line."""
