"""Vector quantisation against its definitions."""

import torch
from vimpac.tokenizer.quantizer import MovingCodebook, k_means, nearest_codes, rotate_to


def test_nearest_is_nearest() -> None:
    torch.manual_seed(0)
    latents, codebook = torch.randn(5000, 4), torch.randn(64, 4)
    assert torch.equal(nearest_codes(latents, codebook), torch.cdist(latents, codebook).argmin(1))


def test_rotation_gives_codes_and_rotates_gradients() -> None:
    torch.manual_seed(0)
    latents = torch.randn(10, 6, requires_grad=True)
    codes, gradient = torch.randn(10, 6), torch.randn(10, 6)
    out = rotate_to(latents, codes)
    torch.testing.assert_close(out, codes)
    out.backward(gradient)  # type: ignore[no-untyped-call]
    assert latents.grad is not None
    # A scaled rotation: norms scale by |code| / |latent|, angles to the vector are kept.
    scale = codes.norm(dim=1) / latents.detach().norm(dim=1)
    torch.testing.assert_close(latents.grad.norm(dim=1), scale * gradient.norm(dim=1))
    before = torch.cosine_similarity(codes, gradient)
    torch.testing.assert_close(torch.cosine_similarity(latents.detach(), latents.grad), before)


def test_k_means_finds_clusters() -> None:
    torch.manual_seed(0)
    centres = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    latents = centres.repeat(100, 1) + 0.1 * torch.randn(300, 2)
    found = k_means(latents, 3, torch.Generator().manual_seed(3), rounds=20)
    assert torch.cdist(centres, found).min(dim=1).values.max() < 0.1


def test_codes_follow_their_latents_and_dead_ones_restart() -> None:
    book = MovingCodebook(2, 1)
    book.start(torch.tensor([[0.0], [100.0]]), mean_count=4.0)
    latents = torch.full((8, 1), 1.0)
    for _ in range(60):
        book.update(latents, nearest_codes(latents, book.codebook), rate=0.1)
    torch.testing.assert_close(book.codebook[0], torch.tensor([1.0]), atol=0.01, rtol=0)
    torch.testing.assert_close(book.codebook[1], torch.tensor([100.0]))
    book.restart(torch.full((8, 1), 3.0), 0.3, torch.Generator().manual_seed(0))
    assert book.codebook.flatten().tolist()[1] == 3.0
    torch.testing.assert_close(book.codebook[0], torch.tensor([1.0]), atol=0.01, rtol=0)
