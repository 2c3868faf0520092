"""Vector quantisation against its definitions."""

import torch
from vimpac.tokenizer.quantizer import nearest_codes
from vimpac.tokenizer.training.codebook import MovingCodebook, k_means


def test_nearest_is_nearest() -> None:
    torch.manual_seed(0)
    latents, codebook = torch.randn(5000, 4), torch.randn(64, 4)
    assert torch.equal(nearest_codes(latents, codebook), torch.cdist(latents, codebook).argmin(1))


def test_k_means_finds_clusters() -> None:
    torch.manual_seed(0)
    centres = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    latents = centres.repeat(100, 1) + 0.1 * torch.randn(300, 2)
    found = k_means(latents, 3, torch.Generator().manual_seed(3), rounds=20)
    assert torch.cdist(centres, found).min(dim=1).values.max() < 0.1


def test_codes_follow_their_latents_and_dead_ones_restart() -> None:
    book = MovingCodebook(2, 1)
    book.start(torch.tensor([[0.0], [100.0]]), mean_count=4.0, distance=torch.tensor(1.0))
    latents = torch.full((8, 1), 1.0)
    for _ in range(60):
        book.update(latents, nearest_codes(latents, book.codebook), rate=0.1)
    torch.testing.assert_close(book.codebook[0], torch.tensor([1.0]), atol=0.01, rtol=0)
    torch.testing.assert_close(book.codebook[1], torch.tensor([100.0]))
    book.restart(torch.full((8, 1), 3.0), 0.3, torch.Generator().manual_seed(0))
    assert book.codebook.flatten().tolist()[1] == 3.0
    torch.testing.assert_close(book.codebook[0], torch.tensor([1.0]), atol=0.01, rtol=0)


def test_a_code_much_used_seems_farther() -> None:
    book = MovingCodebook(2, 1)
    book.start(torch.tensor([[0.0], [1.0]]), mean_count=4.0, distance=torch.tensor(0.1))
    latents = torch.tensor([[0.45], [0.1]])
    assert book.choose(latents, evenness=1.0).tolist() == [0, 0]
    spread = torch.linspace(-0.5, 0.5, 64)[:, None]
    book.update(spread, torch.zeros(64, dtype=torch.int64), rate=0.5)
    assert book.choose(latents, evenness=0.0).tolist() == [0, 0]
    assert book.choose(latents, evenness=1.0).tolist() == [1, 0]


def test_many_close_latents_are_not_much_use() -> None:
    book = MovingCodebook(2, 1)
    book.start(torch.tensor([[0.0], [10.0]]), mean_count=4.0, distance=torch.tensor(0.1))
    flat = torch.linspace(-0.001, 0.001, 60)[:, None]
    rich = torch.linspace(9, 11, 30)[:, None]
    codes = torch.tensor([0] * 60 + [1] * 30)
    for _ in range(40):
        book.update(torch.cat([flat, rich]), codes, rate=0.2)
    assert book.count[0] > 1.9 * book.count[1]
    assert book.share[0] < 0.3 * book.share[1]
    assert book.choose(torch.tensor([[5.02]]), evenness=0.0).item() == 1
    assert book.choose(torch.tensor([[5.02]]), evenness=5.0).item() == 0


def test_a_code_whose_latents_all_equal_it_is_kept() -> None:
    book = MovingCodebook(3, 1)
    codebook = torch.tensor([[0.0], [10.0], [20.0]])
    book.start(codebook, mean_count=4.0, distance=torch.tensor(0.1))
    black = torch.zeros(90, 1)
    rich = torch.tensor([[9.0], [11.0], [19.0], [21.0]]).repeat(5, 1)
    latents = torch.cat([black, rich])
    for _ in range(100):
        book.update(latents, nearest_codes(latents, book.codebook), rate=0.2)
    book.restart(latents, 0.3, torch.Generator().manual_seed(0))
    torch.testing.assert_close(book.codebook, codebook, atol=1e-3, rtol=0)
