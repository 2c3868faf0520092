"""From the name a user gives to a tokenizer."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from .interface import Tokenizer, TokenizerError
from .vqvae import FILE_NAME, load_vqvae

DEFAULT = "default"


def load_tokenizer(
    spec: str | Path = DEFAULT,
    device: str = "cpu",
    precision: str = "fp32",
    trust: bool = False,
) -> Tokenizer:
    """Load a tokenizer.

    Args:
        spec: `default` for the one that ships, or the path of a `.safetensors` file, or of a
            folder that holds `tokenizer.safetensors` (a token store's `tokenizer/` is one).
        device: Where to put its weights.
        precision: Arithmetic of the encoder, `fp32` or `bf16`.
        trust: Allow files that run code of their own when loaded; only TorchScript asks for it.

    Raises:
        TokenizerError: There is no such tokenizer, or its file cannot be used.
    """
    if spec == DEFAULT:
        with as_file(files(f"{__package__}.weights") / "default.safetensors") as path:
            return load_vqvae(path, device=device, precision=precision)
    path = Path(spec)
    if path.is_dir():
        path = path / FILE_NAME
    if not path.is_file():
        raise TokenizerError(f"{path}: no such tokenizer; give 'default', a file or a folder")
    return load_vqvae(path, device=device, precision=precision)
