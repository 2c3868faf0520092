"""How well classes are told on a pre-trained backbone's features, with nothing fine-tuned."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ...datasets import TRAIN, LabelledSplit, LabelSource, TokenStore
from ..distributed import ALONE, Distributed
from ..errors import TrainingError
from ..features import video_features
from ..knn import knn_probabilities
from ..loop.run_folder import Run
from ..loop.setup import refuse_other_store
from ..pretraining.evaluation import load_pretrained
from .probe import linear_probe
from .report import accuracies
from .tally import Tally

METHODS: Mapping[str, Callable[..., Tensor]] = {
    "knn": knn_probabilities,
    "linear_probe": linear_probe,
}
"""From queries, labelled features and their labels to class probabilities of the queries."""

SHOWN = ("top1", "top5", "mean_class_accuracy", "class_accuracy")


def evaluate_features(
    run: Run,
    store: TokenStore,
    labels: LabelSource,
    methods: Sequence[str],
    *,
    split: str | None = None,
    clips: int = 10,
    distributed: Distributed = ALONE,
) -> dict[str, Any]:
    """Tell the classes of held-out videos by the features of training videos.

    A video's feature is its mean [CLS] over evenly spaced clips of the centre.

    Args:
        run: pre-trained.
        store: tokens.
        labels: of the task.
        methods: names in `METHODS`.
        split: what to tell the classes of; none is the held-out split.
        clips: clips evenly spaced in a video.
        distributed: where to compute, and with whom.

    Returns:
        JSON-ready: `task`, `split`, `videos`, `training_videos`, `clips`, `chance`, and by method
        `top1`, `top5`, `mean_class_accuracy` and `class_accuracy`.

    Raises:
        TrainingError: not a pre-training run, no clips, or the store is of another tokenizer.
        TaskError: the labels are not understood.
    """
    if clips < 1:
        raise TrainingError(f"an evaluation needs at least 1 clip a video, not {clips}")
    backbone = load_pretrained(run).backbone.to(distributed.device)
    refuse_other_store(run, store)
    known = labels.join(store.keys, TRAIN)
    asked = labels.join(store.keys, split, known.classes)
    features = partial(
        video_features,
        backbone,
        store,
        stride=run.config["stride"],
        clips=clips,
        distributed=distributed,
    )
    of_known, of_asked = features(known.indices), features(asked.indices)
    return {
        "task": labels.task,
        "split": asked.split,
        "videos": len(asked),
        "training_videos": len(known),
        "clips": clips,
        "chance": 1 / len(known.classes),
        **{method: tell(method, known, of_known, asked, of_asked) for method in methods},
    }


def tell(
    method: str, known: LabelledSplit, of_known: Tensor, asked: LabelledSplit, of_asked: Tensor
) -> dict[str, Any]:
    """How often a method tells the classes of `asked` from features `(n, d)` of both."""
    probabilities = METHODS[method](
        of_asked, of_known, torch.from_numpy(known.labels), classes=len(known.classes)
    )
    tally = Tally(classes=len(known.classes), views=1, videos=len(asked))
    tally.add(
        torch.from_numpy(asked.indices), torch.from_numpy(asked.labels), probabilities[:, None]
    )
    shown = accuracies(tally, known.classes)
    return {name: shown[name] for name in SHOWN}
