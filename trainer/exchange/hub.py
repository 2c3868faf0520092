"""The Hugging Face hub, reached only where a user asks for it (the extra `hub`)."""

from pathlib import Path
from typing import Any

from ..errors import TrainingError


def push(folder: Path, repository: str, *, private: bool = False) -> str:
    """Upload an exported folder; return where it is.

    The credentials are those that `hf auth login` left.

    Args:
        folder: what `export_run` wrote.
        repository: `user/name`; made where it does not exist.
        private: of a new repository.

    Raises:
        TrainingError: the extra is missing, or the hub refuses.
    """
    hub = _library()
    try:
        hub.create_repo(repository, private=private, exist_ok=True)
        hub.upload_folder(repo_id=repository, folder_path=str(folder))
    except Exception as error:  # the hub's, or the network's
        raise TrainingError(f"{repository}: the hub refuses: {_line(error)}") from None
    return f"https://huggingface.co/{repository}"


def fetch(repository: str) -> Path:
    """Download an exported model, or find it in the hub's cache.

    Raises:
        TrainingError: the extra is missing, or there is no such model.
    """
    hub = _library()
    try:
        return Path(
            hub.snapshot_download(
                repository, allow_patterns=["*.json", "*.safetensors", "tokenizer/*"]
            )
        )
    except Exception as error:  # the hub's, or the network's
        raise TrainingError(
            f"{repository} is neither a folder nor a model of the hub: {_line(error)}"
        ) from None


def _library() -> Any:
    try:
        import huggingface_hub
    except ModuleNotFoundError:
        raise TrainingError(
            "the Hugging Face hub needs one more package: pip install 'vimpac[hub]'"
        ) from None
    return huggingface_hub


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
