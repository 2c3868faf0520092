"""[CLS] features of whole videos, from a backbone alone."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..datasets import EvaluationClips, TokenStore, evaluation_loader
from .model.backbone import Backbone


@torch.inference_mode()
def video_features(
    backbone: Backbone,
    store: TokenStore,
    indices: Sequence[int] | NDArray[np.int64],
    *,
    stride: int,
    clips: int = 2,
    batch_size: int = 8,
    workers: int = 0,
) -> Tensor:
    """The mean [CLS] over clips evenly spaced in each video.

    The backbone is put in evaluation mode for the length of the call.

    Args:
        backbone: on the device to compute on.
        store: tokens of its grid.
        indices: numbers of the videos in the store.
        stride: stored frames from one token frame of a clip to the next.
        clips: how many a video.
        batch_size: videos at once.
        workers: data loading processes.

    Returns:
        `(n, d)` float32 on the CPU, in the order of `indices`.
    """
    data = EvaluationClips(
        store, indices, frames=backbone.config.frames, stride=stride, clips=clips
    )
    training, device = backbone.training, backbone.cls.device
    backbone.eval()
    features = []
    for batch in evaluation_loader(data, batch_size=batch_size, workers=workers):
        codes = batch["clips"].flatten(0, 1)
        padding = backbone.padding_of(codes)
        _, cls = backbone(
            codes.to(device, non_blocking=True), None if padding is None else padding.to(device)
        )
        features.append(cls.float().unflatten(0, (-1, clips)).mean(1).cpu())
    backbone.train(training)
    return torch.cat(features)
