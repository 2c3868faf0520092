"""[CLS] features of whole videos, from a backbone alone."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..datasets import EvaluationClips, TokenStore, evaluation_loader
from .distributed import ALONE, Distributed
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
    distributed: Distributed = ALONE,
) -> Tensor:
    """The mean [CLS] over clips evenly spaced in each video.

    The backbone is put in evaluation mode for the length of the call. Each rank computes its part,
    and all have all of them.

    Args:
        backbone: on the device to compute on.
        store: tokens of its grid.
        indices: numbers of the videos in the store.
        stride: stored frames from one token frame of a clip to the next.
        clips: how many a video.
        batch_size: videos at once.
        distributed: this process among the others.

    Returns:
        `(n, d)` float32 on the CPU, in the order of `indices`.
    """
    data = EvaluationClips(
        store, indices, frames=backbone.config.frames, stride=stride, clips=clips
    )
    loader = evaluation_loader(
        data, batch_size=batch_size, rank=distributed.rank, world_size=distributed.world_size
    )
    training, device = backbone.training, backbone.cls.device
    backbone.eval()
    features = [torch.zeros(0, backbone.config.width, device=device)]
    for batch in loader:
        codes = batch["clips"].flatten(0, 1)
        padding = backbone.padding_of(codes)
        _, cls = backbone(
            codes.to(device, non_blocking=True), None if padding is None else padding.to(device)
        )
        features.append(cls.float().unflatten(0, (-1, clips)).mean(1))
    backbone.train(training)
    return distributed.collect(torch.cat(features)).cpu()
