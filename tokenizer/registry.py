"""From the name a user gives to a tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import as_file, files
from pathlib import Path

from .interface import Tokenizer, TokenizerError
from .public.load import load_dalle, load_flava, load_saved, load_vqgan
from .vqvae import load_vqvae
from .weights_file import FILE_NAME, read_header

DEFAULT = "default"

PUBLIC: Mapping[str, Callable[..., Tokenizer]] = {
    "dalle": load_dalle,
    "flava": load_flava,
    "vqgan": load_vqgan,
}
"""Public tokenizers, `NAME:PATH`."""

SAVED: Mapping[str, Callable[..., Tokenizer]] = {
    "vqvae": load_vqvae,
    "dalle": load_saved,
    "vqgan": load_saved,
}
"""Who reads our own files, by the kind that their header names."""


def load_tokenizer(
    spec: str | Path = DEFAULT,
    device: str = "cpu",
    precision: str = "fp32",
    trust: bool = False,
) -> Tokenizer:
    """Load a tokenizer.

    Args:
        spec: `default` for the one that ships; `dalle:PATH`, `flava:PATH` or `vqgan:PATH` for
            public weights; or the path of a `.safetensors` file of ours, or of a folder that holds
            `tokenizer.safetensors` (a token store's `tokenizer/` is one).
        device: Where to put its weights.
        precision: Arithmetic of the encoder, `fp32` or `bf16`.
        trust: Allow files that run code of their own when loaded; only TorchScript asks for it.

    Raises:
        TokenizerError: There is no such tokenizer, or its file cannot be used.
    """
    if spec == DEFAULT:
        with as_file(files(f"{__package__}.weights") / "default.safetensors") as path:
            return load_vqvae(path, device=device, precision=precision)
    name, colon, rest = str(spec).partition(":")
    if colon and name in PUBLIC:
        return PUBLIC[name](Path(rest), device=device, precision=precision)
    return _load_file(Path(spec), device, precision)


def _load_file(path: Path, device: str, precision: str) -> Tokenizer:
    """Load a file of ours, or the one in a folder."""
    if path.is_dir():
        path = path / FILE_NAME
    if not path.is_file():
        raise TokenizerError(f"{path}: no such tokenizer; give 'default', a file or a folder")
    header = read_header(path)
    kind = str(header.get("kind"))
    if (header.get("format"), header.get("version")) != ("tokenizer", 1) or kind not in SAVED:
        raise TokenizerError(f"{path}: not a tokenizer this version of vimpac can read")
    return SAVED[kind](path, device=device, precision=precision)
