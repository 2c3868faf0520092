"""A fine-tuned run on one video at a time, from its codes to named classes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...datasets import evenly_spaced_clips, pad_token, stored_view
from ..errors import TrainingError
from ..loop.run_folder import Run
from .inference import check_protocol, clip_probabilities, shown_crops
from .recipes import task_recipe
from .trained import load_classifier

Codes = NDArray[np.unsignedinteger[Any]]


class VideoClassifier:
    """Class probabilities of videos, averaged over views as an evaluation does.

    Args:
        run: fine-tuned.
        device: where to compute.
        clips: clips evenly spaced in a video.
        crops: squares of a frame, 1 or 3; none is as the task's recipe has it.

    Raises:
        TrainingError: not a fine-tuned run, or clips or crops out of range.

    Attributes:
        views: the squares that are averaged over.
        stored_views: the views of a store, or of a video tokenized anew, that they are cut from.
        classes: names in label order.
    """

    def __init__(
        self, run: Run, *, device: torch.device, clips: int = 10, crops: int | None = None
    ) -> None:
        check_protocol(clips, crops)
        self.model = load_classifier(run).to(device)
        self.device = device
        self.clips = clips
        config = run.config
        self.classes: list[str] = config["classes"]
        self.stride: int = config["stride"]
        stored = (config["tokens"] or {}).get("views", ["center"])
        task = (config.get("labels") or {}).get("task", "")
        self.views = shown_crops(stored, crops or task_recipe(task).crops)
        self._source = {view: stored_view(stored, view) for view in self.views}
        self.stored_views = tuple(dict.fromkeys(self._source.values()))

    def probabilities(self, codes: Mapping[str, Codes]) -> Tensor:
        """Of one video, from the codes `(n, h, w)` of each of `stored_views`, `(classes,)`.

        Raises:
            TrainingError: the codes are of another frame size than the model's.
        """
        clips = np.concatenate([self._clips(codes, view) for view in self.views])
        each = clip_probabilities(self.model, torch.from_numpy(clips), self.device)
        return each.double().mean(0)

    def best(self, codes: Mapping[str, Codes], top: int = 5) -> list[dict[str, Any]]:
        """The likeliest classes as `class` and `probability`; see `probabilities`.

        Raises:
            TrainingError: `top` names no class.
        """
        if top < 1:
            raise TrainingError(f"at least 1 class should be named, not {top}")
        best = self.probabilities(codes).topk(min(top, len(self.classes)))
        return [
            {"class": self.classes[label], "probability": probability}
            for label, probability in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]

    def _clips(self, codes: Mapping[str, Codes], view: str) -> NDArray[np.int64]:
        shape, own = self.model.config, codes[self._source[view]]
        if own.shape[1] < shape.grid[0] or own.shape[2] < shape.grid[1]:
            raise TrainingError(f"codes of {own.shape[1:]} a frame, the model reads {shape.grid}")
        return evenly_spaced_clips(
            own,
            view,
            grid=shape.grid,
            frames=shape.frames,
            stride=self.stride,
            clips=self.clips,
            pad=pad_token(shape.vocabulary),
        )
