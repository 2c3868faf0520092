"""The pipeline's error type."""


class PipelineError(ValueError):
    """A user's mistake in a command; its text is one clear line."""
