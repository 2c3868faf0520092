"""From the name a user gives to a tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import as_file, files
from pathlib import Path

from .installed import installed_tokenizers, load_installed
from .interface import LoadOptions, Tokenizer, TokenizerError
from .public.cosmos import load_cosmos, load_saved_cosmos
from .public.load import load_dalle, load_flava, load_saved, load_vqgan
from .vqvae import load_vqvae
from .weights_file import FILE_NAME, read_header

DEFAULT = "default"

Loader = Callable[[Path, LoadOptions], Tokenizer]


def _load_vqvae(path: Path, options: LoadOptions) -> Tokenizer:
    return load_vqvae(path, device=options.device, precision=options.precision)


PUBLIC: Mapping[str, Loader] = {
    "dalle": load_dalle,
    "flava": load_flava,
    "vqgan": load_vqgan,
    "cosmos": load_cosmos,
}
"""Public tokenizers, `NAME:PATH`."""

SAVED: Mapping[str, Loader] = {
    "vqvae": _load_vqvae,
    "dalle": load_saved,
    "vqgan": load_saved,
    "cosmos": load_saved_cosmos,
}
"""Who reads our own files, by the kind that their header names."""


ABOUT = {
    "dalle": "OpenAI's DALL-E dVAE, the paper's: a folder with encoder.pkl and decoder.pkl",
    "flava": "its encoder as published with FLAVA: model.safetensors or pytorch_model.bin",
    "vqgan": "VQGAN: a taming-transformers or latent diffusion checkpoint, a diffusers folder",
    "cosmos": "NVIDIA Cosmos DI, DV: a folder with encoder.jit and decoder.jit; asks for --trust",
}


def known_tokenizers() -> list[tuple[str, str, str]]:
    """What `load_tokenizer` takes: specification, where it comes from, what it is."""
    public = [(f"{name}:PATH", "local files", ABOUT[name]) for name in PUBLIC]
    installed = [
        (name, "installed package", f"{point.dist.name} {point.dist.version}" if point.dist else "")
        for name, point in installed_tokenizers().items()
    ]
    return [
        (DEFAULT, "built in", "the VQ-VAE that ships, 8 x 8 pixels a token"),
        *public,
        ("PATH", "local files", f"a file of ours, or a folder with {FILE_NAME}"),
        *installed,
    ]


def load_tokenizer(
    spec: str | Path = DEFAULT,
    device: str = "cpu",
    precision: str = "fp32",
    trust: bool = False,
) -> Tokenizer:
    """Load a tokenizer.

    Args:
        spec: `default` for the one that ships; `dalle:PATH`, `flava:PATH`, `vqgan:PATH` or
            `cosmos:PATH` for public weights; `NAME` or `NAME:ARGUMENT` for one of an installed
            package; or the path of a `.safetensors` file of ours, or of a folder that holds
            `tokenizer.safetensors` (a token store's `tokenizer/` is one).
        device: Where to put its weights.
        precision: Arithmetic of the encoder, `fp32` or `bf16`.
        trust: Allow files that run code of their own when loaded; only TorchScript asks for it.

    Raises:
        TokenizerError: There is no such tokenizer, or its file cannot be used.
    """
    options = LoadOptions(device=device, precision=precision, trust=trust)
    if spec == DEFAULT:
        with as_file(files(f"{__package__}.weights") / "default.safetensors") as path:
            return _load_vqvae(path, options)
    name, colon, rest = str(spec).partition(":")
    if colon and name in PUBLIC:
        return PUBLIC[name](Path(rest), options)
    if name in installed_tokenizers() and not Path(spec).exists():
        return load_installed(name, rest, options)
    return _load_file(Path(spec), options)


def _load_file(path: Path, options: LoadOptions) -> Tokenizer:
    """Load a file of ours, or the one in a folder."""
    if path.is_dir():
        path = path / FILE_NAME
    if not path.is_file():
        known = ", ".join([DEFAULT, *(f"{name}:PATH" for name in PUBLIC), *installed_tokenizers()])
        raise TokenizerError(f"{path}: no such tokenizer; give {known}, a file or a folder")
    header = read_header(path)
    kind = str(header.get("kind"))
    if (header.get("format"), header.get("version")) == ("tokenizer", 1):
        if kind in SAVED:
            return SAVED[kind](path, options)
        if kind in installed_tokenizers():
            return load_installed(kind, str(path), options)
    raise TokenizerError(
        f"{path}: not a tokenizer this version of vimpac can read, nor any installed package"
    )
