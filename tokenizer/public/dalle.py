"""OpenAI's DALL-E dVAE, the tokenizer of the VIMPAC paper (Ramesh et al. 2021, appendix A).

Shapes: B frames of H x W pixels; h = H / 8, w = W / 8; V codes; widths c, 2c, 4c, 8c of the four
groups, c = 256 and V = 8192 as published.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..interface import TokenizerError
from .coding_model import CodingModel

GROUPS = 4


@dataclass(frozen=True, kw_only=True)
class DalleConfig:
    """Sizes of the network.

    Attributes:
        vocabulary: V.
        width: c, of the encoder's first group and the decoder's last.
        blocks: Residual blocks a group.
        code_width: Channels that a code becomes in the decoder; None without a decoder.
        decoder_width: c of the decoder; None without a decoder.
    """

    vocabulary: int = 8192
    width: int = 256
    blocks: int = 2
    code_width: int | None = 128
    decoder_width: int | None = 256

    def __post_init__(self) -> None:
        """Refuse sizes that cannot be built."""
        decoder = (self.code_width, self.decoder_width)
        sizes = (
            *(self.vocabulary, self.width, self.blocks),
            *(decoder if decoder != (None, None) else ()),
        )
        if not all(isinstance(size, int) and 1 <= size <= 65_536 for size in sizes):
            raise TokenizerError(f"network sizes must be integers from 1 to 65536, not {sizes}")


class DalleModel(CodingModel):
    """Encoder to logits over the codes, and the decoder where there is one."""

    compression = 8

    def __init__(self, config: DalleConfig) -> None:
        super().__init__()
        c, blocks = config.width, config.blocks
        self.encoder = _network(
            nn.Conv2d(3, c, 7, padding=3),
            _groups([c, c, 2 * c, 4 * c, 8 * c], blocks, (3, 3, 3, 1), nn.MaxPool2d(2)),
            nn.Conv2d(8 * c, config.vocabulary, 1),
        )
        self.decoder: nn.Sequential | None = None
        if config.code_width is not None and config.decoder_width is not None:
            n, c = config.code_width, config.decoder_width
            self.decoder = _network(
                nn.Conv2d(config.vocabulary, n, 1),
                _groups([n, 8 * c, 4 * c, 2 * c, c], blocks, (1, 3, 3, 3), nn.Upsample(None, 2)),
                nn.Conv2d(c, 6, 1),
            )

    def codes(self, pixels: Tensor) -> Tensor:
        """Pixels `(B, 3, H, W)` in [0, 1] to the most probable codes `(B, h, w)`."""
        features = self.encoder[:-1](0.8 * pixels + 0.1)
        with torch.autocast(pixels.device.type, enabled=False):  # ties in bfloat16 are many
            logits: Tensor = self.encoder[-1](features.float())
        return logits.argmax(dim=1)

    def pixels(self, codes: Tensor) -> Tensor:
        """Codes `(B, h, w)` to the means of the pixels' distributions `(B, 3, H, W)` in [0, 1]."""
        if self.decoder is None:
            raise TokenizerError("this tokenizer has an encoder alone: it makes codes, no pictures")
        first = self.decoder[0]
        assert isinstance(first, nn.Conv2d)
        assert first.bias is not None
        # The first layer is a 1 x 1 convolution over one-hot codes: a look-up.
        features = F.embedding(codes, first.weight[:, :, 0, 0].T).permute(0, 3, 1, 2)
        features = features + first.bias[:, None, None]
        means = torch.sigmoid(self.decoder[1:](features)[:, :3])
        return ((means - 0.1) / 0.8).clamp(0, 1)


class _Block(nn.Module):
    """Residual block of four convolutions, its sum scaled down by the square of the depth."""

    def __init__(self, before: int, after: int, kernels: Iterable[int], depth: int) -> None:
        super().__init__()
        self.gain = 1 / depth**2
        self.id_path = nn.Conv2d(before, after, 1) if before != after else nn.Identity()
        hidden = after // 4
        widths = [before, hidden, hidden, hidden, after]
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for i, kernel in enumerate(kernels):
            layers[f"relu_{i + 1}"] = nn.ReLU()
            conv = nn.Conv2d(widths[i], widths[i + 1], kernel, padding=kernel // 2)
            layers[f"conv_{i + 1}"] = conv
        self.res_path = nn.Sequential(layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.id_path(x) + self.gain * self.res_path(x)
        return out


def _groups(
    widths: list[int], blocks: int, kernels: tuple[int, ...], resize: nn.Module
) -> list[nn.Sequential]:
    """Four groups of residual blocks, the frames resized after all but the last."""
    groups = []
    for i in range(GROUPS):
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for block in range(blocks):
            before = widths[i] if block == 0 else widths[i + 1]
            layers[f"block_{block + 1}"] = _Block(before, widths[i + 1], kernels, GROUPS * blocks)
        if i < GROUPS - 1:
            layers["resize"] = resize
        groups.append(nn.Sequential(layers))
    return groups


def _network(first: nn.Conv2d, groups: list[nn.Sequential], last: nn.Conv2d) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict(input=first)
    layers |= {f"group_{i + 1}": group for i, group in enumerate(groups)}
    layers |= {"relu": nn.ReLU(), "output": last}
    return nn.Sequential(layers)


def dalle_weights(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """One network's published weights by our names: those of DALL-E and those of FLAVA alike."""
    weights = {}
    for name, weight in published.items():
        name = re.sub(r"^blocks\.", "", name)
        name = name.replace(".group.", ".").replace(".path.", ".").replace("output.conv", "output")
        name = re.sub(r"\.w$", ".weight", name)
        weights[re.sub(r"\.b$", ".bias", name)] = weight
    return weights


def infer_dalle(encoder: Mapping[str, Tensor], decoder: Mapping[str, Tensor] | None) -> DalleConfig:
    """The sizes of networks with these weights, by our names.

    Raises:
        KeyError: They are weights of something else.
    """
    return DalleConfig(
        vocabulary=encoder["output.weight"].shape[0],
        width=encoder["input.weight"].shape[0],
        blocks=sum(f"group_1.block_{i + 1}.res_path.conv_1.weight" in encoder for i in range(64)),
        code_width=decoder["input.weight"].shape[0] if decoder else None,
        decoder_width=decoder["output.weight"].shape[1] if decoder else None,
    )
