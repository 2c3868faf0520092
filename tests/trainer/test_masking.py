"""Block masks: shares, shapes, and what they are a function of."""

import pytest
import torch
from vimpac.datasets import mask_token, pad_token
from vimpac.trainer import MaskConfig, TrainingError, block_mask, iid_mask, mean_mask_share
from vimpac.trainer.pretraining.masking import hide, uniform

GRID = (5, 16, 16)


@pytest.mark.parametrize(
    ("boxes", "percent"), [(4, 11.9), (5, 14.5), (6, 17.0), (7, 19.4), (8, 21.7)]
)
def test_mean_share_is_the_papers(boxes, percent):
    assert mean_mask_share(GRID, boxes) * 100 == pytest.approx(percent, abs=0.3)


def test_one_box_is_a_box_within_its_largest_size():
    masks = block_mask(torch.arange(500), GRID, 1)
    largest = (10 // 3, 8, 8)
    sides = []
    for axis in (1, 2, 3):
        others = [other for other in (1, 2, 3) if other != axis]
        covered = masks.any(others[1]).any(others[0])
        side = covered.sum(1)
        first = covered.int().argmax(1)
        filled = torch.arange(covered.shape[1])
        run = (filled >= first[:, None]) & (filled < (first + side)[:, None])
        assert torch.equal(run, covered), "a box's side is one run of places"
        assert side.min() == 1
        assert side.max() == largest[axis - 1]
        assert covered[:, 0].any()
        assert covered[:, -1].any()
        sides.append(side)
    assert torch.equal(masks.sum((1, 2, 3)), sides[0] * sides[1] * sides[2])


def test_sizes_are_uniform():
    masks = block_mask(torch.arange(9000), (6, 6, 6), 1)
    rows = masks.any(3).any(1).sum(1)
    assert torch.bincount(rows)[1:].float().div(9000).sub(1 / 3).abs().max() < 0.03


def test_a_mask_is_a_function_of_its_own_seed():
    seeds = torch.tensor([3, 2**62, 7])
    masks = block_mask(seeds, GRID, 5)
    assert torch.equal(masks[1:2], block_mask(seeds[1:2], GRID, 5))
    assert len({mask.numpy().tobytes() for mask in masks}) == 3


def test_seeds_that_follow_one_another_are_unrelated():
    draws = uniform(torch.arange(20_000), 8)
    assert float(draws.min()) >= 0
    assert float(draws.max()) < 1
    assert torch.allclose(draws.mean(0), torch.tensor(0.5, dtype=torch.float64), atol=0.01)
    neighbours = torch.corrcoef(torch.cat([draws[1:], draws[:-1]], 1).T).fill_diagonal_(0)
    assert neighbours.abs().max() < 0.03


def test_a_single_token_can_be_masked():
    assert block_mask(torch.arange(3), (1, 1, 1), 1).all()


def test_iid_share():
    mask = iid_mask(torch.arange(500), GRID, 0.15)
    assert mask.shape == (500, *GRID)
    assert mask.float().mean() == pytest.approx(0.15, abs=0.005)


VOCABULARY = 1000


def hidden(config: MaskConfig, clips: int = 300) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    codes = torch.randint(0, VOCABULARY, (clips, *GRID), generator=torch.Generator().manual_seed(0))
    return codes, *hide(codes, torch.arange(clips), config, VOCABULARY)


def test_hidden_tokens_become_mask_and_no_others_change():
    codes, seen, mask = hidden(MaskConfig())
    assert torch.equal(mask, block_mask(torch.arange(300), GRID, 5))
    assert (seen[mask] == mask_token(VOCABULARY)).all()
    assert torch.equal(seen[~mask], codes[~mask])


def test_padding_is_never_hidden():
    codes = torch.full((4, *GRID), pad_token(VOCABULARY))
    seen, mask = hide(codes, torch.arange(4), MaskConfig(kind="iid", share=0.9), VOCABULARY)
    assert not mask.any()
    assert torch.equal(seen, codes)


@pytest.mark.parametrize("kind", ["block", "iid"])
def test_bert_style_masks_eight_boxes_in_ten_and_keeps_one(kind):
    codes, seen, mask = hidden(MaskConfig(kind=kind, replacement="bert"))
    assert torch.equal(seen[~mask], codes[~mask])
    shares = [
        float((seen == mask_token(VOCABULARY))[mask].float().mean()),
        float((seen == codes)[mask].float().mean()),
    ]
    assert shares == pytest.approx([0.8, 0.1], abs=0.03)
    noise = seen[mask & (seen != mask_token(VOCABULARY)) & (seen != codes)]
    assert noise.min() >= 0
    assert noise.max() < VOCABULARY
    assert noise.float().mean() == pytest.approx(VOCABULARY / 2, rel=0.05)


def test_bert_style_treats_a_box_alike():
    codes, seen, mask = hidden(MaskConfig(boxes=1, replacement="bert"))
    for before, after, box in zip(codes, seen, mask, strict=True):
        masked = after[box] == mask_token(VOCABULARY)
        assert masked.all() or not masked.any()
        assert before.shape == after.shape


@pytest.mark.parametrize(
    "changes", [{"kind": "tube"}, {"boxes": 0}, {"share": 1.0}, {"replacement": "none"}]
)
def test_a_mask_that_cannot_be_drawn_is_refused(changes):
    with pytest.raises(TrainingError):
        MaskConfig(**changes)
