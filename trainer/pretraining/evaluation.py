"""How well a pre-trained model fills in hidden tokens of videos it may never have seen."""

from typing import Any

import torch

from ...datasets import ClipLoader, RandomClips, TokenStore, select_videos
from ..errors import TrainingError
from ..loop.run_folder import Run, load_weights
from ..loop.setup import refuse_other_store
from ..model.config import ModelConfig
from .masking import MaskConfig
from .model import PretrainModel
from .objective import mask_clips, predict

EVALUATION_SEED = 2**31
"""Clips and masks of an evaluation: never those of a training run's seed."""


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

    Every video is drawn at least `rounds` times, to whole batches, with two clips and fresh masks,
    always the same ones.

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
    refuse_other_store(run, store)
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
    mask, vocabulary = MaskConfig(**config["mask"]), model.config.vocabulary
    sums = torch.zeros(3, dtype=torch.float64)
    counts = torch.zeros(model.config.rows, dtype=torch.int64)
    for batch in batches:
        clips = mask_clips(batch["clips"], batch["mask_seeds"], mask, vocabulary, device)
        loss, hits, _ = predict(model, clips, clips.places())
        sums += torch.stack([loss, hits.float(), clips.mask.sum().float()]).double().cpu()
        counts += torch.bincount(clips.codes[clips.mask].cpu(), minlength=model.config.rows)
    total_loss, right, masked = sums.tolist()
    return {
        "videos": len(indices),
        "masked_tokens": int(masked),
        "masked_token_loss": total_loss / masked,
        "masked_token_accuracy": right / masked,
        "most_frequent_token_accuracy": float(counts.max()) / masked,
    }


def load_pretrained(run: Run) -> PretrainModel:
    """The model of a pre-training run, in evaluation mode, on the CPU.

    Raises:
        TrainingError: it is a run of another kind, or weights and configuration do not fit.
    """
    config = run.config
    if config["kind"] != "pretrain":
        raise TrainingError(f"{run.path} is a {config['kind']} run, not a pre-training run")
    model = PretrainModel(ModelConfig.from_dict(config["model"]))
    load_weights(model, run)
    return model.eval()
