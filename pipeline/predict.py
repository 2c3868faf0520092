"""From a video file to named classes: decode, tokenize, classify.

Predictor("runs/motion").predict(["clip.mp4"])
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..datasets import parse_view
from ..tokenizer import load_tokenizer
from ..trainer import Run, TrainingError, VideoClassifier
from .errors import PipelineError
from .tokenizing import Recipe, encode_video
from .video import VideoError, VideoSource, find_videos, remove_dead_copies


class Predictor:
    """A fine-tuned run with the tokenizer of the tokens it was trained on.

    Args:
        run: the run's folder.
        device: where to compute.
        clips: clips evenly spaced in a video, whose probabilities are averaged.
        crops: squares of a frame, 1 or 3; none is as the task's recipe has it.
        trust: allow a tokenizer file that runs code of its own.

    Raises:
        TrainingError: not a fine-tuned run, clips or crops out of range, or its tokenizer is gone
            or another one.
    """

    def __init__(
        self,
        run: Path | str,
        *,
        device: torch.device | str = "cpu",
        clips: int = 10,
        crops: int | None = None,
        trust: bool = False,
    ) -> None:
        folder = Run(Path(run))
        self.classifier = VideoClassifier(
            folder, device=torch.device(device), clips=clips, crops=crops
        )
        tokens = folder.config["tokens"]
        if tokens is None or not (folder.path / "tokenizer").is_dir():
            raise TrainingError(
                f"{folder.path} has no tokenizer/, which reads the videos: put there what the "
                "store's tokenizer/ holds, or import the model again with --tokens"
            )
        self.tokenizer = load_tokenizer(
            folder.path / "tokenizer", str(device), tokens["precision"], trust
        )
        wanted = tokens["tokenizer"]["fingerprint"]
        if self.tokenizer.fingerprint != wanted:
            raise TrainingError(
                f"{folder.path / 'tokenizer'} is not the tokenizer of the run "
                f"({self.tokenizer.fingerprint[:12]}, not {wanted[:12]}): put the right one there"
            )
        self.recipe = Recipe(
            fps=tokens["fps"],
            size=tokens["size"],
            views=tuple(parse_view(view) for view in self.classifier.stored_views),
            steady=tokens["steady"],
        )

    def predict(self, videos: Sequence[Path | str], *, top: int = 5) -> list[dict[str, Any]]:
        """Classify videos.

        Args:
            videos: files, folders or tar shards.
            top: how many classes to name.

        Returns:
            One a video: `video`, and `classes` as `class` and `probability`, likeliest first; or
            `reason` and `detail` where the video cannot be read.

        Raises:
            PipelineError: none of the videos can be read.
            TrainingError: `top` is below 1.
        """
        remove_dead_copies()
        results = []
        for source in find_videos([str(video) for video in videos]):
            results.append({"video": str(source), **self._classify(source, top)})
        if all("reason" in result for result in results):
            first = results[0]
            raise PipelineError(
                f"{first['video']} cannot be read: {first['reason']} ({first['detail']})"
                + (f", nor can the other {len(results) - 1}" if len(results) > 1 else "")
            )
        return results

    def _classify(self, source: VideoSource, top: int) -> dict[str, Any]:
        try:
            with source.open() as path:
                codes, _ = encode_video(path, self.tokenizer, self.recipe)
        except VideoError as error:
            return {"reason": error.reason, "detail": error.detail}
        return {"classes": self.classifier.best(codes, top)}
