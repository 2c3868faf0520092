"""Evaluation on held-out videos: how often a fine-tuned run names the right class."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ...datasets import EvaluationClips, LabelledSplit, LabelSource, TokenStore, evaluation_loader
from ..distributed import ALONE, Distributed
from ..errors import TrainingError
from ..loop.run_folder import Run
from ..loop.setup import refuse_other_store
from .inference import check_protocol, clip_probabilities, shown_crops, spread_order
from .model import Classifier
from .recipes import task_recipe
from .report import accuracies, answers, refuse_unwritable, write_answers
from .tally import Tally
from .trained import load_classifier

VIDEOS_AT_ONCE = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationConfig:
    """What a classifier is evaluated on, and how closely it looks.

    Attributes:
        labels: where labels come from; none is as in training.
        split: `train`, `validation` or `test`; none is the held-out one.
        clips: clips evenly spaced in a video.
        crops: squares of a frame, 1 or 3; none is as the task's recipe has it.
        workers: data loading processes.
    """

    labels: LabelSource | None = None
    split: str | None = None
    clips: int = 10
    crops: int | None = None
    workers: int = 0

    def __post_init__(self) -> None:
        check_protocol(self.clips, self.crops)
        if self.workers < 0:
            raise TrainingError(f"workers must be at least 0, not {self.workers}")


def evaluate_classifier(
    run: Run,
    store: TokenStore,
    config: EvaluationConfig | None = None,
    *,
    distributed: Distributed = ALONE,
    predictions: Path | None = None,
) -> dict[str, Any]:
    """Accuracies of a fine-tuned run on a split of its task.

    Class probabilities are averaged over `clips` x `crops` views of a video. Videos are streamed;
    what is remembered of each is its best five classes. Every video counts once, however many
    ranks share them.

    Args:
        run: fine-tuned.
        store: tokens.
        config: see its class.
        distributed: where to evaluate, and with whom.
        predictions: a `.jsonl` or `.csv` file to write each video's classes to, on rank 0.

    Returns:
        JSON-ready: `task`, `split`, `videos`, `listed`, `missing`, `clips`, `views`, and what
        `report.accuracies` has; the same on every rank.

    Raises:
        TrainingError: the run has no trained classifier, or the store is of another tokenizer.
        TaskError: the labels are not understood or of classes that the run does not know.
    """
    config = config or EvaluationConfig()
    if predictions is not None:
        refuse_unwritable(predictions)
    model, trained = load_classifier(run).to(distributed.device), run.config
    refuse_other_store(run, store)
    labels = config.labels or recorded_labels(run)
    split = labels.join(
        store.keys, config.split, trained["classes"], given=config.labels is not None
    )
    crops = shown_crops(store.identity.views, config.crops or task_recipe(labels.task).crops)
    tally = Tally(classes=len(split.classes), views=config.clips * len(crops), videos=len(split))
    for batch in view_batches(store, split, model, trained["stride"], crops, config, distributed):
        tally.add(*batch)
    tally = tally.gathered(distributed)
    if predictions is not None and distributed.leads:
        write_answers(predictions, answers(tally, store.keys, split.classes))
    return {
        "task": labels.task,
        "split": split.split,
        "videos": len(split),
        "listed": split.listed,
        "missing": list(split.missing),
        "clips": config.clips,
        "views": list(crops),
        **accuracies(tally, split.classes),
    }


def view_batches(
    store: TokenStore,
    split: LabelledSplit,
    model: Classifier,
    stride: int,
    crops: Sequence[str],
    config: EvaluationConfig,
    distributed: Distributed,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """This rank's videos: numbers `(n,)`, labels `(n,)`, probabilities `(n, views, classes)`."""
    data = EvaluationClips(
        store,
        split.indices,
        frames=model.config.frames,
        stride=stride,
        clips=config.clips,
        labels=split.labels,
        views=crops,
    )
    loader = evaluation_loader(
        data,
        batch_size=VIDEOS_AT_ONCE,
        rank=distributed.rank,
        world_size=distributed.world_size,
        workers=config.workers,
    )
    order = spread_order(config.clips)
    for batch in loader:
        flat = clip_probabilities(model, batch["clips"].flatten(0, 1), distributed.device)
        each = flat.unflatten(0, (-1, len(crops), config.clips))[:, :, order]
        yield batch["index"], batch["label"], each.transpose(1, 2).flatten(1, 2)


def recorded_labels(run: Run) -> LabelSource:
    """Where the labels of a run's training came from.

    Raises:
        TrainingError: the run does not say.
    """
    recorded = run.config.get("labels")
    if recorded is None:
        raise TrainingError(
            f"{run.path} does not say where the labels of its task are: give --task or --labels"
        )
    return LabelSource(**recorded)
