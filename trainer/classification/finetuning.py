"""Fine-tuning: a classifier on [CLS], from pre-trained weights or from scratch."""

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...datasets import TRAIN, ClipLoader, LabelledSplit, RandomClips, TokenStore
from ..distributed import ALONE, Distributed
from ..loop.log import OnReport
from ..loop.run_folder import Run, write_text
from ..loop.setup import prepare_run
from ..loop.staging import parts_of
from ..loop.train import Outcome, train
from ..loop.trainer import Figures
from ..model.config import ModelConfig
from .config import FinetuneConfig
from .model import Classifier
from .starting import backbone_weights

MISSING = "missing.txt"
"""In the run's folder: the listed training videos that are not in the store, one a line."""


def finetune(
    store: TokenStore,
    run: Run,
    config: FinetuneConfig,
    *,
    init: Run | None,
    distributed: Distributed = ALONE,
    resume: bool = False,
    on_report: OnReport | None = None,
) -> Outcome:
    """Train a classifier on the training split of a task.

    Args:
        store: tokens.
        run: the folder to write; fresh, or one to go on with when `resume`.
        config: resolved configuration.
        init: the pre-training run to start from; none starts from scratch.
        distributed: where to train, and with whom.
        resume: go on from the newest checkpoint, start where there is none.
        on_report: called at every logged step.

    Raises:
        TrainingError: the weights do not fit, or the run exists and is not to be resumed.
        TaskError: the labels are not understood, or no video of the task is in the store.
        StoreError: the store has not the views of `config`.
    """
    split = config.labels.join(store.keys, TRAIN, config.classes)
    torch.manual_seed(config.loop.seed)
    model = Classifier(
        config.model,
        len(config.classes),
        dropout=config.classifier_dropout,
        frozen=config.freeze_backbone,
    )
    if init is not None:
        before = ModelConfig.from_dict(init.config["model"])
        model.backbone.load_state_dict(backbone_weights(init.weights(), before, config.model))
    clips = training_clips(store, split, config)
    settings = {**config.to_dict(), "training_videos": split.to_dict()}
    prepare_run(run, "finetune", settings, store, distributed, resume=resume)
    if split.missing and distributed.leads:
        write_text(run.path / MISSING, "\n".join(split.missing) + "\n")
    model.backbone.checkpoint_layers = config.loop.checkpoint_activations
    return train(
        model.to(distributed.device),
        model.backbone.layers,
        partial(
            classification_objective,
            weights=class_weights(split).to(distributed.device) if config.balance_classes else None,
            smoothing=config.label_smoothing,
        ),
        partial(training_batches, clips, config, distributed),
        run=run,
        loop=config.loop,
        optimizer_config=config.optimizer,
        batch_size=config.batch_size,
        distributed=distributed,
        on_report=on_report,
    )


def training_clips(store: TokenStore, split: LabelledSplit, config: FinetuneConfig) -> RandomClips:
    """A clip of each video, drawn anew at each step."""
    return RandomClips(
        store,
        frames=config.model.frames,
        stride=config.stride,
        seed=config.loop.seed,
        clips=1,
        indices=split.indices,
        labels=split.labels,
        views=config.views,
    )


def training_batches(
    clips: RandomClips, config: FinetuneConfig, distributed: Distributed, start: int
) -> Iterator[list[tuple[Tensor, ...]]]:
    """This rank's part of every batch from step `start` on, on the device."""
    loader = ClipLoader(
        clips,
        batch_size=config.batch_size,
        steps=config.loop.last_step,
        start_step=start,
        rank=distributed.rank,
        world_size=distributed.world_size,
        workers=config.workers,
    )
    for batch in loader:
        drawn, labels = (
            tensor.to(distributed.device, non_blocking=True)
            for tensor in (batch["clips"][:, 0], batch["label"])
        )
        yield parts_of(config.loop.accumulate, drawn, labels)


def classification_objective(
    model: nn.Module,
    parts: Sequence[tuple[Tensor, ...]],
    *,
    weights: Tensor | None,
    smoothing: float,
) -> Iterator[tuple[Tensor, Figures]]:
    """Cross-entropy of a batch, part by part.

    Args:
        model: a `Classifier`, perhaps wrapped.
        parts: clips `(n, T, H, W)` and labels `(n,)` each.
        weights: of the classes, `(classes,)`, whose mean over the videos is 1; none weighs alike.
        smoothing: share of the target spread over all classes.
    """
    videos = sum(len(labels) for _, labels in parts)
    for clips, labels in parts:
        logits = model(clips).float()
        loss = functional.cross_entropy(
            logits, labels, weights, reduction="sum", label_smoothing=smoothing
        )
        accuracy = (logits.argmax(1) == labels).sum() / videos
        yield loss / videos, {"loss": loss.detach() / videos, "accuracy": accuracy}


def class_weights(split: LabelledSplit) -> Tensor:
    """A weight a class, `(classes,)` float32: the fewer videos, the more, 1 on a video's average.

    Classes without a video weigh nothing.
    """
    counts = torch.bincount(torch.from_numpy(split.labels), minlength=len(split.classes))
    present = int((counts > 0).sum())
    return torch.where(counts > 0, len(split) / (present * counts.clamp(min=1)), 0.0).float()
