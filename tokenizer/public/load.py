"""From local files of public weights to tokenizers; nothing in the files is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from ..interface import LoadOptions, TokenizerError
from ..weights_file import read_weights
from .dalle import dalle_weights, infer_dalle
from .image_tokenizer import KINDS, Config, PublicImageTokenizer
from .state_dict import read_state_dict, without_prefix
from .vqgan_names import diffusers_weights, infer_vqgan, read_diffusers_config, vqgan_weights

DIFFUSERS_FILES = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
FLAVA_FILES = ("model.safetensors", "pytorch_model.bin")

FAMILIES = (
    ("dalle", "DALL-E", "blocks.group_1.block_1.res_path.conv_1.w"),
    ("flava", "FLAVA", "blocks.group_1.group.block_1.res_path.path.conv_1.weight"),
    ("vqgan", "VQGAN", "encoder.conv_in.weight"),
)
"""Each family's specification, its name, and a weight that tells it from the others."""


def load_dalle(path: Path, options: LoadOptions) -> PublicImageTokenizer:
    """OpenAI's DALL-E dVAE.

    Args:
        path: A folder with `encoder.pkl` and, to draw pictures, `decoder.pkl`; or the encoder's
            file, the decoder beside it.
        options: How to load it.

    Raises:
        TokenizerError: No such file, a truncated or hostile one, or one of something else.
    """
    file = path / "encoder.pkl" if path.is_dir() else path
    encoder = dalle_weights(_of_family("dalle", read_state_dict(file), file))
    return _with_decoder(encoder, file, "dalle", options)


def load_flava(path: Path, options: LoadOptions) -> PublicImageTokenizer:
    """The same encoder as published with FLAVA (`FlavaImageCodebook`).

    Args:
        path: The file, or the folder of a model, with the codebook or the whole of FLAVA; to draw
            pictures, DALL-E's `decoder.pkl` beside it.
        options: How to load it.

    Raises:
        TokenizerError: No such file, a truncated or hostile one, or one of something else.
    """
    file = _one_of(path, FLAVA_FILES)
    published = read_state_dict(file)
    if any(name.startswith("image_codebook.") for name in published):
        published = without_prefix(published, "image_codebook.")
    encoder = dalle_weights(_of_family("flava", published, file))
    return _with_decoder(encoder, file, "flava", options)


def load_vqgan(path: Path, options: LoadOptions) -> PublicImageTokenizer:
    """A VQGAN of taming-transformers or latent diffusion, or a diffusers `VQModel`.

    Args:
        path: A checkpoint's file, or the folder of a diffusers model with its `config.json`.
        options: How to load it.

    Raises:
        TokenizerError: No such file, a truncated or hostile one, or one of something else.
    """
    file, norm_groups = path, 32
    if path.is_dir():
        norm_groups = read_diffusers_config(path / "config.json")
        file = _one_of(path, DIFFUSERS_FILES)
    published = read_state_dict(file)
    convert = diffusers_weights if path.is_dir() else vqgan_weights
    weights = _of_family("vqgan", convert(published), file, named=published)
    config = _inferred(lambda: infer_vqgan(weights, norm_groups=norm_groups), "VQGAN", file)
    return PublicImageTokenizer(
        "vqgan", config, weights, name="vqgan", source=file, options=options
    )


def load_saved(path: Path, options: LoadOptions) -> PublicImageTokenizer:
    """Read what `PublicImageTokenizer.save` wrote.

    Raises:
        TokenizerError: The file is missing, truncated, or not such a tokenizer.
    """
    header, weights = read_weights(path)
    kind = str(header.get("kind"))
    try:
        config = KINDS[kind][0](**header["config"])
    except (KeyError, TypeError, TokenizerError) as error:
        raise TokenizerError(f"{path}: its configuration cannot be used ({error})") from error
    name = str(header.get("name", kind))
    return PublicImageTokenizer(kind, config, weights, name=name, source=path, options=options)


def _with_decoder(
    encoder: Mapping[str, Tensor], file: Path, name: str, options: LoadOptions
) -> PublicImageTokenizer:
    """A tokenizer of DALL-E's encoder, with the decoder that lies beside its file, if any."""
    beside = file.parent / "decoder.pkl"
    decoder = None
    if beside.is_file() and beside != file:
        decoder = dalle_weights(_of_family("dalle", read_state_dict(beside), beside))
    config = _inferred(lambda: infer_dalle(encoder, decoder), "DALL-E", file)
    weights = {f"encoder.{name}": weight for name, weight in encoder.items()}
    weights |= {f"decoder.{name}": weight for name, weight in (decoder or {}).items()}
    return PublicImageTokenizer("dalle", config, weights, name=name, source=file, options=options)


def _inferred(infer: Callable[[], Config], family: str, file: Path) -> Config:
    try:
        return infer()
    except (KeyError, IndexError) as error:
        raise TokenizerError(f"{file}: a {family} file without weight {error}") from error
    except TokenizerError as error:
        raise TokenizerError(f"{file}: {error}") from error


def _of_family(
    family: str,
    weights: dict[str, Tensor],
    file: Path,
    *,
    named: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """The weights, which must be of the family; `named` has the names that the file gave."""
    titles = {spec: title for spec, title, _ in FAMILIES}
    if any(spec == family and sign in weights for spec, _, sign in FAMILIES):
        return weights
    for spec, title, sign in FAMILIES:
        if any(given.endswith(sign) for given in named or weights):
            raise TokenizerError(f"{file}: weights of {title}; give it as {spec}:{file}")
    first = ", ".join(sorted(named or weights)[:3])
    raise TokenizerError(f"{file}: not weights of {titles[family]} (it holds {first}, ...)")


def _one_of(path: Path, names: tuple[str, ...]) -> Path:
    if not path.is_dir():
        return path
    found = next((path / name for name in names if (path / name).is_file()), None)
    if found is None:
        raise TokenizerError(f"{path}: holds none of {', '.join(names)}")
    return found
