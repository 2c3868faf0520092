"""Sending stores to Hugging Face data set repositories: many files a commit, hashes kept there."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi

from ..format.access import told_in_one_line
from .destination import FileSystemDestination


class HubDestination(FileSystemDestination):
    """A data set repository: `hf://datasets/OWNER/NAME[@REVISION][/FOLDER]`.

    Each call of `send` is one commit, whole or absent.
    """

    shards_at_once = 64

    def __init__(self, location: str, system: Any, root: str) -> None:
        super().__init__(location, system, root)
        self.api = HfApi(endpoint=system.endpoint, token=system.token)
        with told_in_one_line(location):
            self.place = system.resolve_path(self.root)

    def sha256(self, name: str) -> str:
        """sha256 of one file: the hub's own for large files, else of the content read back."""
        with told_in_one_line(self.location):
            lfs = self.system.info(f"{self.root}/{name}").get("lfs")
        return str(lfs["sha256"]) if lfs else super().sha256(name)

    def send(self, store: Path, names: Sequence[str]) -> None:
        """Commit files of a store, under the same names."""
        folder = f"{self.place.path_in_repo}/".lstrip("/")
        additions = [
            CommitOperationAdd(path_in_repo=folder + name, path_or_fileobj=store / name)
            for name in names
        ]
        with told_in_one_line(self.location):
            self.api.create_commit(
                repo_id=self.place.repo_id,
                repo_type=self.place.repo_type,
                revision=self.place.revision,
                operations=additions,
                commit_message=f"Add {len(names)} files of a token store",
            )
            self.system.invalidate_cache()
