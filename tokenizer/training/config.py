"""How to train a tokenizer, and what each step of training reports."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from ..interface import TokenizerError
from ..vqvae import COMPRESSION, VQVAEConfig

MOST_SEEDS = 1 << 32


@dataclass(frozen=True, kw_only=True)
class TokenizerTrainingConfig:
    """How to train a tokenizer.

    Attributes:
        steps: Optimiser steps.
        seed: Of the initial weights and of every draw.
        vocabulary: Number of codes.
        batch_size: Crops a step.
        crop: Side of the crops in pixels, a multiple of 8.
        sides: Least and greatest shorter side, in pixels, of the frames that crops are parts of:
            that of the frames the tokenizer is made for. Never less than `crop`.
        resume: Continue from `OUT.checkpoint` if it exists; without, one that exists is refused.
        checkpoint_every: Steps between checkpoints.
        unquantised_steps: First steps, without codes; k-means then gives the first codebook.
        learning_rate: Peak of AdamW's and Muon's rate; warmed up, then a cosine down to zero.
        commitment: Weight of the pull of latents towards their codes.
        consistency: Weight of the squared distance between the latents of a quarter of the crops
            and those of the same crops a frame later, where the picture stands still; relative to
            the mean squared distance of latents to their codes.
        first_pull: Share of both weights that training begins with, growing to all of them: strong
            pulls at first leave few codes in use.
        evenness: How much farther codes seem that carry much of the error, see
            `MovingCodebook.choose`.
        noise: Highest standard deviation of noise added to the input, in [0, 1] pixel units; see
            `video_noise`.
        codebook_rate: Share of the codebook's moving averages that a step replaces; falls with
            the learning rate to a tenth, so that codes end as averages over many latents.
        restart_share: Codes with less than this share of the mean error are moved.
        average_decay: Of the moving average of the weights, which is what is saved.
        model: Sizes of the network; its vocabulary is replaced by `vocabulary`.
    """

    steps: int = 3000
    seed: int = 0
    vocabulary: int = 4096
    batch_size: int = 16
    crop: int = 64
    sides: tuple[int, int] = (64, 512)
    resume: bool = False
    checkpoint_every: int = 250
    unquantised_steps: int = 200
    learning_rate: float = 2e-3
    commitment: float = 32.0
    consistency: float = 0.35
    first_pull: float = 0.125
    evenness: float = 0.3
    noise: float = 0.012
    codebook_rate: float = 0.01
    restart_share: float = 0.3
    average_decay: float = 0.998
    model: VQVAEConfig = field(default_factory=VQVAEConfig)

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        for name in ("steps", "batch_size", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise TokenizerError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 <= self.seed < MOST_SEEDS:
            raise TokenizerError(f"seed must be from 0 to {MOST_SEEDS - 1}, not {self.seed}")
        if self.crop < COMPRESSION or self.crop % COMPRESSION:
            raise TokenizerError(f"crop must be a multiple of {COMPRESSION}, not {self.crop}")
        if not 1 <= self.sides[0] <= self.sides[1]:
            raise TokenizerError(f"sides must be two sizes, the smaller first, not {self.sides}")
        if not 0 < self.first_pull <= 1:
            raise TokenizerError(f"first_pull must be above 0 and at most 1, not {self.first_pull}")
        if not 0 <= self.unquantised_steps < self.steps:
            raise TokenizerError(
                f"unquantised_steps ({self.unquantised_steps}) must be below steps ({self.steps})"
            )
        sizes = {**asdict(self.model), "vocabulary": self.vocabulary}
        object.__setattr__(self, "model", VQVAEConfig(**sizes))

    def identity(self) -> dict[str, object]:
        """The fields that decide the trained weights."""
        fields = asdict(self)
        del fields["resume"], fields["checkpoint_every"]
        return fields


@dataclass(frozen=True, kw_only=True)
class TrainingStep:
    """What one step did. PSNR is in dB on its own noisy batch; codes are those of its batch.

    `codebook_use` is the share of codes whose moving count is above a tenth of the mean; both it
    and `perplexity` are 0 while training is still unquantised.
    """

    step: int
    steps: int
    loss: float
    psnr: float
    codebook_use: float
    perplexity: float
