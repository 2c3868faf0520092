"""What a pre-training run measures on held-out videos while it trains."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...datasets import (
    TRAIN,
    ClipLoader,
    RandomClips,
    TokenStore,
    select_videos,
)
from ..distributed import Distributed
from ..features import video_features
from ..knn import knn_accuracy
from ..loop.parallel import bare
from ..loop.train import Monitor
from ..model.backbone import Backbone
from .config import PretrainConfig
from .objective import mask_clips, predict

VALIDATION_SEED = 2**31
"""Clips and masks of validation: always the same ones, and never those of a training seed."""
VALIDATION_BATCH = 16
MOST_VIDEOS = 1024
"""Videos a measurement looks at: enough to tell one per cent from the next."""


def make_monitor(
    store: TokenStore, config: PretrainConfig, distributed: Distributed
) -> Monitor | None:
    """What `config.validation` and `config.knn` ask for; none where they ask for nothing."""
    monitors: list[Monitor] = []
    if config.validation is not None:
        monitors.append(_Validation(store, config, distributed))
    if config.knn is not None:
        monitors.append(_Neighbours(store, config, distributed))
    if not monitors:
        return None
    return lambda model: _all_of(monitors, model)


def _all_of(monitors: Sequence[Monitor], model: nn.Module) -> dict[str, float]:
    figures: dict[str, float] = {}
    training = model.training
    model.eval()
    with torch.no_grad():
        for monitor in monitors:
            figures |= monitor(model)
    model.train(training)
    return figures


class _Validation:
    """Loss and accuracy of hidden tokens of held-out videos, two clips of each."""

    def __init__(self, store: TokenStore, config: PretrainConfig, distributed: Distributed) -> None:
        self._config, self._distributed = config, distributed
        indices = _spread(select_videos(store.keys, only=config.validation))
        self._clips = RandomClips(
            store,
            frames=config.model.frames,
            stride=config.stride,
            seed=VALIDATION_SEED,
            indices=indices,
        )
        ranks = distributed.world_size
        self._batch_size = -(-VALIDATION_BATCH // ranks) * ranks
        self._steps = -(-len(indices) // self._batch_size)

    def __call__(self, model: nn.Module) -> dict[str, float]:
        rank, world_size = self._distributed.rank, self._distributed.world_size
        sums = torch.zeros(3, device=self._distributed.device)
        for batch in ClipLoader(
            self._clips,
            batch_size=self._batch_size,
            steps=self._steps,
            rank=rank,
            world_size=world_size,
        ):
            clips = mask_clips(
                batch["clips"],
                batch["mask_seeds"],
                self._config.mask,
                self._config.model.vocabulary,
                self._distributed.device,
            )
            loss, hits, _ = predict(model, clips, clips.places())
            sums += torch.stack([loss, hits.float(), clips.mask.sum().float()])
        loss_sum, hit_sum, masked = self._distributed.total(sums).tolist()
        return {
            "validation_token_loss": loss_sum / max(masked, 1),
            "validation_token_accuracy": hit_sum / max(masked, 1),
        }


class _Neighbours:
    """How well nearest neighbours of [CLS] tell the classes of a task's held-out videos."""

    def __init__(self, store: TokenStore, config: PretrainConfig, distributed: Distributed) -> None:
        assert config.knn is not None
        self._store, self._stride, self._distributed = store, config.stride, distributed
        known = config.knn.join(store.keys, TRAIN)
        asked = config.knn.join(store.keys, classes=known.classes)
        self._known, self._asked = (
            (_spread(split.indices), torch.from_numpy(_spread(split.labels)))
            for split in (known, asked)
        )

    def __call__(self, model: nn.Module) -> dict[str, float]:
        (known, labels), (asked, wanted) = self._known, self._asked
        accuracy = knn_accuracy(
            self._features(model, asked), wanted, self._features(model, known), labels
        )
        return {"knn_accuracy": accuracy}

    def _features(self, model: nn.Module, indices: NDArray[np.int64]) -> Tensor:
        backbone: Backbone = bare(model).backbone  # type: ignore[assignment]
        return video_features(
            backbone, self._store, indices, stride=self._stride, distributed=self._distributed
        )


def _spread(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """At most `MOST_VIDEOS` of them, evenly spaced."""
    return values[:: -(-len(values) // MOST_VIDEOS)]
