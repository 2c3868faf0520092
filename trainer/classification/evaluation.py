"""Evaluation on held-out videos: how often a fine-tuned run names the right class."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...datasets import (
    LabelSource,
    TokenStore,
    clip_span,
    evenly_spaced_starts,
    pad_token,
    take_clip,
)
from ..loop.run_folder import Run
from ..loop.setup import refuse_other_grid, refuse_other_tokens
from .finetuning import load_classifier
from .model import Classifier

Codes = NDArray[np.unsignedinteger[Any]]


@torch.inference_mode()
def classify_clips(
    model: Classifier, codes: Codes, *, stride: int, clips: int, device: torch.device
) -> Tensor:
    """Class probabilities of one video, averaged over clips evenly spaced in it.

    Args:
        model: in evaluation mode, on `device`.
        codes: `(n, h, w)` codes of the whole video.
        stride: stored frames from one token frame of a clip to the next.
        clips: how many.
        device: the model's.

    Returns:
        `(classes,)` float32 on the CPU.
    """
    frames = model.config.frames
    starts = evenly_spaced_starts(len(codes), clip_span(frames, stride), clips)
    pad = pad_token(model.config.vocabulary)
    views = np.stack(
        [take_clip(codes, int(start), frames, stride, pad) for start in np.unique(starts)]
    )
    weights = torch.from_numpy(np.unique(starts, return_counts=True)[1] / clips)
    logits = model(torch.from_numpy(views).to(device)).float().cpu()
    return (logits.softmax(1) * weights[:, None]).sum(0).float()


def evaluate_classifier(
    run: Run,
    store: TokenStore,
    *,
    split: str | None = None,
    clips: int = 10,
    device: torch.device,
) -> dict[str, Any]:
    """Top-1, top-5 and mean class accuracy of a fine-tuned run on a split of its task.

    Raises:
        TrainingError: the run has no trained classifier, or the store is of another tokenizer.
    """
    model, config = load_classifier(run).to(device), run.config
    refuse_other_tokens(run, store)
    refuse_other_grid(run, store)
    source = LabelSource(**config["labels"])
    videos = source.join(store.keys, split, config["classes"])
    probabilities = torch.stack(
        [
            classify_clips(
                model, store.codes(int(index)), stride=config["stride"], clips=clips, device=device
            )
            for index in videos.indices
        ]
    )
    labels = torch.from_numpy(videos.labels)
    right = probabilities.argmax(1) == labels
    best = probabilities.topk(min(5, len(videos.classes)), 1).indices
    by_class = {
        name: float(right[labels == label].float().mean())
        for label, name in enumerate(videos.classes)
        if bool((labels == label).any())
    }
    return {
        "task": source.task,
        "split": videos.split,
        "videos": len(videos),
        "clips": clips,
        "top1": float(right.float().mean()),
        "top5": float((best == labels[:, None]).any(1).float().mean()),
        "mean_class_accuracy": sum(by_class.values()) / len(by_class),
        "chance": 1 / len(videos.classes),
        "class_accuracy": by_class,
    }
