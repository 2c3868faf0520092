"""Evaluation on held-out videos: a fine-tuned run's classes, a pre-trained one's tokens."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..datasets import (
    VALIDATION,
    ClipLoader,
    RandomClips,
    TokenStore,
    clip_span,
    evenly_spaced_starts,
    labelled_split,
    pad_token,
    select_videos,
    take_clip,
)
from .classifier import Classifier
from .errors import TrainingError
from .finetuning import load_classifier
from .loop.checkpoint import Run
from .model.config import ModelConfig
from .pretraining.model import PretrainModel
from .pretraining.run import masks_of

EVALUATION_SEED = 2**31
"""Clips and masks of an evaluation: never those of a training run's seed."""

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
    split: str = VALIDATION,
    clips: int = 10,
    device: torch.device,
) -> dict[str, Any]:
    """Top-1, top-5 and mean class accuracy of a fine-tuned run on a split of its task.

    Raises:
        TrainingError: the run has no trained classifier, or the store is of another tokenizer.
    """
    model, config = load_classifier(run).to(device), run.config
    refuse_other_tokens(config, store)
    videos = labelled_split(config["task"], store.keys, split, config["classes"])
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
        "task": config["task"],
        "split": split,
        "videos": len(videos),
        "clips": clips,
        "top1": float(right.float().mean()),
        "top5": float((best == labels[:, None]).any(1).float().mean()),
        "mean_class_accuracy": sum(by_class.values()) / len(by_class),
        "chance": 1 / len(videos.classes),
        "class_accuracy": by_class,
    }


@torch.inference_mode()
def evaluate_pretraining(
    run: Run,
    store: TokenStore,
    *,
    only: str | None = None,
    device: torch.device,
    batch_size: int = 16,
    rounds: int = 4,
) -> dict[str, Any]:
    """How well a pre-trained run predicts masked tokens of videos it has not seen.

    Every video is drawn `rounds` times with two clips and fresh masks, always the same ones.

    Args:
        run: a pre-training run.
        store: tokens, of held-out videos or with `only` to choose them.
        only: pattern of keys to take, see `datasets.select_videos`; none takes all.
        device: where to compute.
        batch_size: videos a step.
        rounds: draws of each video.

    Returns:
        `masked_token_accuracy`, beside `most_frequent_token_accuracy`, that of always answering
        the store's own most frequent code, which no constant answer beats.

    Raises:
        TrainingError: not a pre-training run, or the store is of another tokenizer.
    """
    model, config = load_pretrained(run).to(device), run.config
    refuse_other_tokens(config, store)
    indices = select_videos(store.keys, only=only)
    drawn = RandomClips(
        store,
        frames=model.config.frames,
        stride=config["stride"],
        seed=EVALUATION_SEED,
        indices=indices,
    )
    steps = -(-rounds * len(indices) // batch_size)
    batches = ClipLoader(drawn, batch_size=batch_size, steps=steps)
    right = masked = 0.0
    losses: list[Tensor] = []
    counts = torch.zeros(model.config.rows, dtype=torch.int64)
    for batch in batches:
        clips = batch["clips"].to(device)
        mask = masks_of(batch, config["mask_boxes"], device) & (clips != model.backbone.pad)
        output = model(clips, mask)
        right += float(output.token_accuracy) * output.masked
        losses.append(output.token_loss * output.masked)
        masked += output.masked
        counts += torch.bincount(clips[mask].cpu(), minlength=model.config.rows)
    return {
        "videos": len(indices),
        "masked_tokens": int(masked),
        "masked_token_loss": float(torch.stack(losses).sum()) / masked,
        "masked_token_accuracy": right / masked,
        "most_frequent_token_accuracy": float(counts.max()) / masked,
    }


def load_pretrained(run: Run) -> PretrainModel:
    """The model of a pre-training run, in evaluation mode, on the CPU.

    Raises:
        TrainingError: it is a run of another kind.
    """
    config = run.config
    if config["kind"] != "pretrain":
        raise TrainingError(f"{run.path} is a {config['kind']} run, not a pre-training run")
    model = PretrainModel(ModelConfig.from_dict(config["model"]))
    model.load_state_dict(run.weights())
    return model.eval()


def refuse_other_tokens(config: dict[str, Any], store: TokenStore) -> None:
    """Raise TrainingError unless the store's codes mean what the run's did."""
    before, now = config["tokens"]["tokenizer"], store.identity.tokenizer
    if before["fingerprint"] != now.fingerprint:
        raise TrainingError(
            f"{store.path} holds tokens of {now.name} ({now.fingerprint[:12]}), the run was "
            f"trained on {before['name']} ({before['fingerprint'][:12]}): their codes differ"
        )
    if list(store.identity.grid()) != list(config["model"]["grid"]):
        raise TrainingError(
            f"{store.path} has a grid of {store.identity.grid()} tokens, the run was trained on "
            f"{tuple(config['model']['grid'])}: tokenize at the same --size"
        )
