"""Nearest neighbours against a slow vote, and features of videos against single clips."""

import numpy as np
import pytest
import torch
from vimpac.trainer import ModelConfig
from vimpac.trainer.features import video_features
from vimpac.trainer.knn import knn_accuracy, knn_probabilities
from vimpac.trainer.model.backbone import Backbone


def test_votes_are_those_of_a_slow_loop():
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(7, 5, generator=generator)
    features = 3 * torch.randn(23, 5, generator=generator)
    labels = torch.randint(4, (23,), generator=generator)
    voted = knn_probabilities(
        queries, features, labels, classes=4, neighbours=6, temperature=0.1
    ).numpy()
    for query, row in zip(queries.double().numpy(), voted, strict=True):
        known = features.double().numpy()
        cosine = known @ query / np.linalg.norm(known, axis=1) / np.linalg.norm(query)
        votes = np.zeros(4)
        for place in np.argsort(-cosine)[:6]:
            votes[labels[place]] += np.exp(cosine[place] / 0.1)
        np.testing.assert_allclose(row, votes / votes.sum(), atol=1e-5)


def test_distant_clusters_are_told_apart_by_fewer_than_all_neighbours():
    centres = torch.eye(3).repeat(5, 1)
    labels = torch.arange(3).repeat(5)
    noisy = centres + 0.05 * torch.randn(15, 3, generator=torch.Generator().manual_seed(0))
    assert knn_accuracy(noisy, labels, centres, labels, neighbours=100) == 1
    assert knn_accuracy(noisy, (labels + 1) % 3, centres, labels) == 0


@pytest.mark.parametrize("batch_size", [1, 5])
def test_a_feature_is_the_mean_cls_of_a_videos_clips(store, batch_size):
    torch.manual_seed(0)
    config = ModelConfig(
        vocabulary=12, frames=4, grid=(2, 3), layers=1, width=32, heads=2, mlp_width=64
    )
    backbone = Backbone(config).train()
    indices = [9, 2, 30]
    features = video_features(backbone, store, indices, stride=2, clips=3, batch_size=batch_size)
    assert backbone.training
    backbone.eval()
    for index, feature in zip(indices, features, strict=True):
        codes = torch.from_numpy(store.codes(index).astype(np.int64))
        starts = (0, 1, 2)  # nine stored frames, of which a clip spans seven
        with torch.inference_mode():
            _, cls = backbone(torch.stack([codes[start : start + 7 : 2] for start in starts]))
        torch.testing.assert_close(feature, cls.mean(0), atol=1e-5, rtol=0)
