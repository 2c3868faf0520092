"""What a training step sees of pictures, and the noise upon it."""

import numpy as np
import torch
from torch.nn import functional as F
from vimpac.tokenizer.training.crops import draw_crops, parse_scenes
from vimpac.tokenizer.training.noise import video_noise


def test_some_crops_lose_their_colour_in_part_or_whole() -> None:
    red = np.full((64, 64, 3), (230, 60, 40), dtype=np.uint8)
    crops = draw_crops(parse_scenes([red]), batch_size=400, crop=8, sides=(8, 64), seed=0, step=0)
    colour = (crops.amax(dim=2).int() - crops.amin(dim=2).int()).float().mean(dim=(2, 3))
    assert torch.equal(colour[0], colour[1])  # both frames of a scene lose as much
    grey, whole = (colour[0] <= 1).float().mean(), (colour[0] > 150).float().mean()
    assert 0.1 < grey < 0.2
    assert 0.3 < whole < 0.5


def test_grey_keeps_its_brightness() -> None:
    green = np.full((16, 16, 3), (20, 200, 90), dtype=np.uint8)
    crops = draw_crops(parse_scenes([green]), batch_size=200, crop=8, sides=(8, 8), seed=1, step=0)[
        0
    ].double()
    luma = (crops * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(dim=1).mean(dim=(1, 2))
    grey = (crops.amax(dim=1) - crops.amin(dim=1)).mean(dim=(1, 2)) <= 1
    # Brightness and colour balance vary by as much in either kind.
    assert abs(luma[grey].mean() - luma[~grey].mean()) < 8


def test_noise_is_of_pixels_and_of_blocks() -> None:
    noise = video_noise((16, 3, 64, 72), torch.Generator().manual_seed(0))
    again = video_noise((16, 3, 64, 72), torch.Generator().manual_seed(0))
    assert torch.equal(noise, again)
    assert noise.shape == (16, 3, 64, 72)
    assert abs(noise.mean()) < 0.02
    assert 1.0 < noise.std() < 1.1
    # A block's mean of pixels each by itself would deviate by 1 / 8.
    assert 0.28 < F.avg_pool2d(noise, 8).std() < 0.36


def test_noise_takes_sizes_that_are_no_multiple_of_a_block() -> None:
    assert video_noise((2, 3, 9, 20), torch.Generator()).shape == (2, 3, 9, 20)
