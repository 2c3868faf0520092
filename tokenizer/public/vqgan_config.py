"""Sizes of a VQGAN."""

from __future__ import annotations

from dataclasses import dataclass

from ..interface import TokenizerError


@dataclass(frozen=True, kw_only=True)
class VQGANConfig:
    """Sizes of the network.

    Attributes:
        vocabulary: V.
        code_channels: d.
        latent_channels: Channels between encoder and quantiser, and quantiser and decoder.
        stem: Channels after the first convolution.
        channels: Of each level, from whole frames down.
        blocks: Residual blocks a level of the encoder; the decoder has one more.
        encoder_attention: Whether each level of the encoder attends.
        decoder_attention: Whether each level of the decoder attends.
        middle_attention: Whether the middle attends.
        norm_groups: Groups of every normalisation.
        gumbel: Codes are the most probable ones, not the nearest.
    """

    vocabulary: int
    code_channels: int
    latent_channels: int
    stem: int
    channels: tuple[int, ...]
    blocks: int
    encoder_attention: tuple[bool, ...]
    decoder_attention: tuple[bool, ...]
    middle_attention: bool = True
    norm_groups: int = 32
    gumbel: bool = False

    def __post_init__(self) -> None:
        """Refuse sizes that cannot be built."""
        for name in ("channels", "encoder_attention", "decoder_attention"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        sizes = (
            *(self.vocabulary, self.code_channels, self.latent_channels, self.blocks),
            *(self.norm_groups, self.stem, *self.channels),
        )
        if not all(isinstance(size, int) and 1 <= size <= 1 << 20 for size in sizes):
            raise TokenizerError(f"network sizes must be positive integers, not {sizes}")
        if not 1 <= len(self.channels) <= 10 or self.blocks > 64:
            raise TokenizerError(f"{len(self.channels)} levels of {self.blocks} blocks")
        if {len(self.encoder_attention), len(self.decoder_attention)} != {len(self.channels)}:
            raise TokenizerError("attention must be given for each level")
        if any(width % self.norm_groups for width in (self.stem, *self.channels)):
            raise TokenizerError(
                f"channels {self.channels} cannot be normalised in {self.norm_groups} groups"
            )
