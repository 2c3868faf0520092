"""Pre-training: block-masked token prediction and contrastive learning over a token store."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ...datasets import ClipLoader, RandomClips, TokenStore, select_videos
from ..errors import TrainingError
from ..loop.checkpoint import Run
from ..loop.optimizer import OptimizerConfig
from ..loop.setup import prepare_run
from ..loop.train import Batch, LoopConfig, Outcome, StepReport, train
from ..model.config import ModelConfig
from .masking import block_mask
from .model import PretrainModel

PAPER_BATCH = 1024
PAPER_OPTIMIZER = OptimizerConfig(lr=1e-3, weight_decay=0.05, betas=(0.9, 0.98), warmup_share=0.1)
PAPER_EPOCHS = 10
"""The paper's pre-training of its small model."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PretrainConfig:
    """A resolved pre-training run.

    Attributes:
        model: the model's shape; `frames` is the clip's length in token frames.
        optimizer, loop: see their classes.
        batch_size: videos a step, two clips each.
        stride: stored frames from one token frame of a clip to the next.
        max_distance: largest distance in stored frames between the two clips; none is no limit.
        exclude: pattern of keys to leave out, see `datasets.select_videos`; none takes all.
        mask_boxes: boxes of a clip's block mask.
        contrastive_weight: weight of the contrastive loss beside the token loss.
        codebook_embedding: start the token embedding from the tokenizer's codebook, see
            `embedding_from_codebook`; off in the paper.
        workers: data loading processes; the data do not depend on it.
    """

    model: ModelConfig
    optimizer: OptimizerConfig
    loop: LoopConfig
    batch_size: int
    stride: int = 1
    max_distance: int | None = None
    exclude: str | None = None
    mask_boxes: int = 5
    contrastive_weight: float = 1.0
    codebook_embedding: bool = False
    workers: int = 0

    def __post_init__(self) -> None:
        for name in ("batch_size", "stride", "mask_boxes"):
            if getattr(self, name) < 1:
                raise TrainingError(f"{name} must be at least 1, not {getattr(self, name)}")

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values."""
        return {**asdict(self), "model": self.model.to_dict()}


def pretrain(
    store: TokenStore,
    run: Run,
    config: PretrainConfig,
    *,
    device: torch.device,
    resume: bool = False,
    codebook: Tensor | None = None,
    on_report: Callable[[StepReport], None] | None = None,
) -> Outcome:
    """Pre-train on the videos of `store`, leaving configuration, metrics and checkpoints in `run`.

    Args:
        store: tokens.
        run: the folder to write; fresh, or one to go on with when `resume`.
        config: resolved configuration.
        device: where to train.
        resume: go on from the newest checkpoint, start where there is none.
        codebook: the tokenizer's `(V, c)` float, needed with `codebook_embedding`.
        on_report: called at every logged step.

    Raises:
        TrainingError: the run exists and is not to be resumed or was made with other settings.
    """
    prepare_run(run, "pretrain", config.to_dict(), store, resume=resume)
    torch.manual_seed(config.loop.seed)
    model = PretrainModel(config.model)
    if config.codebook_embedding:
        embedding_from_codebook(model, codebook)
    clips = RandomClips(
        store,
        frames=config.model.frames,
        stride=config.stride,
        seed=config.loop.seed,
        max_distance=config.max_distance,
        indices=select_videos(store.keys, exclude=config.exclude),
    )
    return train(
        model.to(device),
        partial(pretraining_objective, model, config),
        lambda start: ClipLoader(
            clips,
            batch_size=config.batch_size,
            steps=config.loop.steps,
            start_step=start,
            workers=config.workers,
        ),
        run=run,
        loop=config.loop,
        optimizer_config=config.optimizer,
        on_report=on_report,
    )


def pretraining_objective(
    model: PretrainModel, config: PretrainConfig, batch: Batch
) -> tuple[Tensor, dict[str, Tensor]]:
    """The total loss of a batch `clips` `(n, 2, T, H, W)`: token + weight * contrastive."""
    device = model.backbone.cls.device
    clips = batch["clips"].to(device, non_blocking=True)
    mask = masks_of(batch, config.mask_boxes, device)
    output = model(clips, mask)
    loss = output.token_loss + config.contrastive_weight * output.contrastive_loss
    return loss, {
        "token_loss": output.token_loss,
        "token_accuracy": output.token_accuracy,
        "contrastive_loss": output.contrastive_loss,
        "contrastive_accuracy": output.contrastive_accuracy,
        "mask_share": torch.tensor(output.masked / clips.numel()),
    }


def masks_of(batch: Batch, boxes: int, device: torch.device) -> Tensor:
    """Block masks of a batch's clips, `(n, K, T, H, W)` bool, from the clips' own seeds."""
    seeds, clips = batch["mask_seeds"].to(device), batch["clips"]
    frames, height, width = clips.shape[2:]
    return block_mask(seeds.flatten(), (frames, height, width), boxes).unflatten(0, seeds.shape)


def embedding_from_codebook(model: PretrainModel, codebook: Tensor | None) -> None:
    """Start the token embedding as a random projection of the tokenizer's code vectors.

    Codes that look alike start alike, so that a small model need not first discover from
    co-occurrence which of thousands of codes resemble each other. The scale of the rows and the
    special tokens' rows stay as initialised.
    """
    if codebook is None:
        raise TrainingError("this store's tokenizer has no codebook to start the embedding from")
    weight = model.backbone.embedding.weight
    codes = codebook.float() - codebook.float().mean(0)
    if len(codes) != model.config.vocabulary:
        raise TrainingError(
            f"the codebook has {len(codes)} codes, the model's vocabulary {model.config.vocabulary}"
        )
    projected = codes @ torch.randn(codes.shape[1], weight.shape[1])
    with torch.no_grad():
        weight[: len(codes)] = projected * (weight.std() / projected.std())
