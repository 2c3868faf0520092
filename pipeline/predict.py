"""From a video file to named classes: decode, tokenize, classify.

Predictor("runs/motion").predict(["clip.mp4"])
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..tokenizer import load_tokenizer
from ..trainer import Run, TrainingError, classify_clips, load_classifier
from .errors import PipelineError
from .tokenizing import Recipe, encode_video
from .video import VideoError, find_videos


class Predictor:
    """A fine-tuned run with the tokenizer of the tokens it was trained on.

    Args:
        run: the run's folder.
        device: where to compute.

    Raises:
        TrainingError: not a fine-tuned run, or its tokenizer is gone or another one.
    """

    def __init__(self, run: Path | str, *, device: torch.device | str = "cpu") -> None:
        folder = Run(Path(run))
        self.config = folder.config
        self.model = load_classifier(folder).to(device)
        self.device = torch.device(device)
        self.tokenizer = load_tokenizer(folder.path / "tokenizer", device=str(device))
        wanted = self.config["tokens"]["tokenizer"]["fingerprint"]
        if self.tokenizer.fingerprint != wanted:
            raise TrainingError(
                f"{folder.path / 'tokenizer'} is not the tokenizer of the run "
                f"({self.tokenizer.fingerprint[:12]}, not {wanted[:12]}): put the right one there"
            )

    def predict(
        self, videos: Sequence[Path | str], *, top: int = 5, clips: int = 10
    ) -> list[dict[str, Any]]:
        """Classify videos.

        Args:
            videos: files, folders or tar shards.
            top: how many classes to name.
            clips: clips evenly spaced in a video, whose probabilities are averaged.

        Returns:
            One a video: `video`, and `classes` as `class` and `probability`, likeliest first; or
            `reason` and `detail` where the video cannot be read.

        Raises:
            PipelineError: none of the videos can be read.
        """
        results = []
        for source in find_videos([str(video) for video in videos]):
            with source.open() as path:
                results.append({"video": str(source), **self._classify(path, top, clips)})
        if all("reason" in result for result in results):
            first = results[0]
            raise PipelineError(
                f"{first['video']} cannot be read: {first['reason']} ({first['detail']})"
                + (f", nor can the other {len(results) - 1}" if len(results) > 1 else "")
            )
        return results

    def _classify(self, path: Path, top: int, clips: int) -> dict[str, Any]:
        tokens = self.config["tokens"]
        try:
            recipe = Recipe(fps=tokens["fps"], size=tokens["size"])
            codes = encode_video(path, self.tokenizer, recipe)[0]["center"]
        except VideoError as error:
            return {"reason": error.reason, "detail": error.detail}
        probabilities = classify_clips(
            self.model, codes, stride=self.config["stride"], clips=clips, device=self.device
        )
        best = probabilities.argsort(descending=True)[:top].tolist()
        return {
            "classes": [
                {"class": self.config["classes"][label], "probability": float(probabilities[label])}
                for label in best
            ]
        }
