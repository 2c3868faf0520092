"""Tokenizers of other installed packages, through the entry-point group `vimpac.tokenizers`."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from .interface import LoadOptions, Tokenizer, TokenizerError

GROUP = "vimpac.tokenizers"


def installed_tokenizers() -> dict[str, EntryPoint]:
    """The tokenizers that installed packages offer, by name, in order; none is imported."""
    return {point.name: point for point in sorted(entry_points(group=GROUP))}


def load_installed(name: str, argument: str, options: LoadOptions) -> Tokenizer:
    """Load one: its entry point is a function of `(argument, options)` that returns a Tokenizer.

    Args:
        name: Its name among `installed_tokenizers`.
        argument: What stands behind `NAME:`, often a path; empty when nothing does.
        options: How to load it.

    Raises:
        TokenizerError: The package cannot be imported, or made no tokenizer.
    """
    point = installed_tokenizers()[name]
    package = point.dist.name if point.dist else point.value
    try:
        made = point.load()(argument, options)
    except TokenizerError:
        raise
    except Exception as error:  # anything can go wrong in another's package
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise TokenizerError(
            f"tokenizer '{name}' of package {package} failed ({reason})"
        ) from error
    if not isinstance(made, Tokenizer):
        raise TokenizerError(
            f"tokenizer '{name}' of package {package} made a {type(made).__name__}, no Tokenizer"
        )
    return made
