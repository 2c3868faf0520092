"""The pipeline's error type, and the exit codes of its commands."""

USER_MISTAKE = 2
INTERRUPTED = 130
"""As shells have it for a program that Ctrl-C ended."""


class PipelineError(ValueError):
    """A user's mistake in a command; its text is one clear line."""
