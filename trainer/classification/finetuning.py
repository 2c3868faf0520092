"""Fine-tuning: a classifier on [CLS], from pre-trained weights or from scratch."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...datasets import TRAIN, ClipLoader, LabelSource, RandomClips, TokenStore
from ..distributed import ALONE, Distributed
from ..errors import TrainingError
from ..loop.config import LoopConfig
from ..loop.log import OnReport
from ..loop.optimizer import OptimizerConfig
from ..loop.run_folder import Run
from ..loop.setup import prepare_run, refuse_other_grid, refuse_other_tokens
from ..loop.staging import parts_of
from ..loop.train import Outcome, train
from ..loop.trainer import Figures
from ..model.config import ModelConfig
from .model import Classifier

PAPER_BATCH = 128
PAPER_OPTIMIZER = OptimizerConfig(lr=1e-4, weight_decay=0.01, betas=(0.9, 0.999), warmup_share=0.1)
PAPER_EPOCHS = 50
"""The paper's fine-tuning on its smaller data sets."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FinetuneConfig:
    """A resolved fine-tuning run.

    Attributes:
        labels: where the task's labels come from.
        classes: names in label order.
        init: the pre-training run the weights came from; none is from scratch.
        model: the backbone's shape.
        optimizer, loop: see their classes.
        batch_size: videos a step, one clip each.
        stride: stored frames from one token frame of a clip to the next.
        classifier_dropout: before the classifier.
        workers: data loading processes; the data do not depend on it.
    """

    labels: LabelSource
    classes: tuple[str, ...]
    init: str | None
    model: ModelConfig
    optimizer: OptimizerConfig
    loop: LoopConfig
    batch_size: int
    stride: int = 1
    classifier_dropout: float = 0.0
    workers: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values."""
        return {**asdict(self), "model": self.model.to_dict()}


def pretrained_model_config(init: Run, store: TokenStore) -> ModelConfig:
    """The shape of a pre-training run's model, once it is known to fit the store's tokens.

    Raises:
        TrainingError: not a pre-training run, or made on tokens of another tokenizer or size.
    """
    config = init.config
    if config["kind"] != "pretrain":
        raise TrainingError(
            f"{init.path} is a {config['kind']} run; --init takes a pre-training run"
        )
    refuse_other_tokens(init, store)
    refuse_other_grid(init, store)
    return ModelConfig.from_dict(config["model"])


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
    """
    split = config.labels.join(store.keys, TRAIN, config.classes)
    torch.manual_seed(config.loop.seed)
    model = Classifier(config.model, len(config.classes), dropout=config.classifier_dropout)
    if init is not None:
        model.load_backbone(init.weights())
    prepare_run(run, "finetune", config.to_dict(), store, distributed, resume=resume)
    clips = RandomClips(
        store,
        frames=config.model.frames,
        stride=config.stride,
        seed=config.loop.seed,
        clips=1,
        indices=split.indices,
        labels=split.labels,
    )
    return train(
        model.to(distributed.device),
        model.backbone.layers,
        classification_objective,
        partial(training_batches, clips, config, distributed),
        run=run,
        loop=config.loop,
        optimizer_config=config.optimizer,
        batch_size=config.batch_size,
        distributed=distributed,
        on_report=on_report,
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
    model: nn.Module, parts: Sequence[tuple[Tensor, ...]]
) -> Iterator[tuple[Tensor, Figures]]:
    """Cross-entropy of a batch, part by part: clips `(n, T, H, W)` and labels `(n,)`."""
    videos = sum(len(labels) for _, labels in parts)
    for clips, labels in parts:
        logits = model(clips).float()
        loss = functional.cross_entropy(logits, labels, reduction="sum") / videos
        yield loss, {"loss": loss.detach(), "accuracy": (logits.argmax(1) == labels).sum() / videos}


def load_classifier(run: Run) -> Classifier:
    """The model of a fine-tuning run, in evaluation mode, on the CPU.

    Raises:
        TrainingError: the run is a pre-training run, whose classifier would be untrained.
    """
    config = run.config
    if config["kind"] != "finetune":
        raise TrainingError(
            f"{run.path} is a {config['kind']} run and has no trained classifier: "
            f"fine-tune it first (vimpac finetune --init {run.path})"
        )
    model = Classifier(ModelConfig.from_dict(config["model"]), len(config["classes"]))
    model.load_state_dict(run.weights())
    return model.eval()
