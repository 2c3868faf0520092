"""The pre-training objective: hide tokens, predict them, and tell the videos apart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...datasets import pad_token
from ..distributed import Distributed
from ..loop.parallel import bare
from ..loop.staging import Awaited
from ..loop.trainer import Figures
from .config import PretrainConfig
from .masking import MaskConfig, hide


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskedClips:
    """Clips on the device, some of their tokens hidden.

    Attributes:
        codes: `(N, T, H, W)` int64 as drawn, the clips of a video one after the other.
        hidden: the same as the model is to see them.
        mask: `(N, T, H, W)` bool, true where to predict.
        padding: `(N, T, H, W)` bool, true at [PAD]; none where there is none.
        masked: how many places the mask has.
    """

    codes: Tensor
    hidden: Tensor
    mask: Tensor
    padding: Tensor | None
    masked: Awaited

    def places(self) -> Tensor:
        """Flat numbers of the masked places, `(M,)` int64, found without waiting for the device."""
        return torch.nonzero_static(self.mask.flatten(), size=self.masked.item()).squeeze(1)


def mask_clips(
    clips: Tensor, seeds: Tensor, mask: MaskConfig, vocabulary: int, device: torch.device
) -> MaskedClips:
    """Bring clips to the device and hide some of their tokens.

    Args:
        clips: `(n, K, T, H, W)` int64, on the host.
        seeds: `(n, K)` int64, of their masks.
        mask: see its class.
        vocabulary: codes of the tokenizer.
        device: where to.
    """
    clips = clips.flatten(0, 1)
    padding = clips == pad_token(vocabulary)
    padded = bool(padding.any())  # asked on the host, where the batch still is
    codes = clips.to(device, non_blocking=True)
    own_seeds = seeds.flatten().to(device, non_blocking=True)
    hidden, places = hide(codes, own_seeds, mask, vocabulary)
    return MaskedClips(
        codes=codes,
        hidden=hidden,
        mask=places,
        padding=padding.to(device, non_blocking=True) if padded else None,
        masked=Awaited(places.sum()),
    )


def predict(model: nn.Module, clips: MaskedClips, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """See `PretrainModel.forward`; `model` may be spread over ranks."""
    outputs: tuple[Tensor, Tensor, Tensor] = model(
        clips.hidden, clips.padding, places, clips.codes.flatten()[places]
    )
    return outputs


def pretraining_objective(
    model: nn.Module,
    parts: Sequence[MaskedClips],
    *,
    config: PretrainConfig,
    distributed: Distributed,
) -> Iterator[tuple[Tensor, Figures]]:
    """The total loss of a batch, part by part; see `loop.Objective`.

    The token loss is the mean over all masked places of all parts and ranks. The contrastive loss
    is that of the whole batch of all ranks, too: where the batch comes in several parts, their
    [CLS] are computed first without gradients, and each part then brings in its share of the
    loss's gradient (Gao et al., arXiv 2101.06983).
    """
    tokens = sum(part.codes.numel() for part in parts)
    masked = torch.stack([part.mask.sum() for part in parts]).sum()
    share = distributed.world_size / distributed.total(masked).clamp(min=1)
    contrast = _Contrast(model, parts, config, distributed)
    for place, part in enumerate(parts):
        contrast.rewind(place)
        loss, hits, cls = predict(model, part, part.places())
        pulled, contrastive = contrast(place, cls)
        token = loss * share
        yield (
            config.token_weight * token + pulled,
            {
                "loss": config.token_weight * token.detach() + contrastive.pop("weighted"),
                "token_loss": token.detach(),
                "token_accuracy": hits * share,
                "mask_share": part.mask.sum() / tokens,
                "padding_share": (part.codes == pad_token(config.model.vocabulary)).sum() / tokens,
                **contrastive,
            },
        )


class _Contrast:
    """The contrastive loss of a batch whose clips come one part after the other."""

    def __init__(
        self,
        model: nn.Module,
        parts: Sequence[MaskedClips],
        config: PretrainConfig,
        distributed: Distributed,
    ) -> None:
        self._model, self._distributed = model, distributed
        self._weight = config.contrastive_weight
        self._random_states: list[list[Tensor]] = []
        if len(parts) > 1 and self._weight:
            self._look_ahead(parts)

    def rewind(self, place: int) -> None:
        """Let dropout draw for a part what it drew in the look ahead."""
        if self._random_states:
            _set_random_state(self._random_states[place], self._distributed.device)

    def __call__(self, place: int, cls: Tensor) -> tuple[Tensor, Figures]:
        """What a part's [CLS] add to the objective, and the figures."""
        nothing = torch.zeros((), device=cls.device)
        if not self._random_states:
            if not self._weight:
                return nothing, {"weighted": nothing}
            loss, accuracy = bare(self._model).contrast(cls, self._distributed)  # type: ignore[operator]
            return self._weight * loss, self._figures(loss.detach(), accuracy)
        pulled = (cls * self._by_cls[place]).sum()
        if place + 1 < len(self._by_cls):
            return pulled, {"weighted": nothing}
        for parameter, gradient in zip(self._head(), self._by_head, strict=True):
            pulled = pulled + (parameter * gradient).sum()
        return pulled, self._figures(self._loss, self._accuracy)

    def _look_ahead(self, parts: Sequence[MaskedClips]) -> None:
        """Compute all parts' [CLS], the loss of them together and its gradients."""
        features = []
        with torch.no_grad():
            for part in parts:
                self._random_states.append(_random_state(self._distributed.device))
                features.append(predict(self._model, part, part.places())[2])
        torch.clear_autocast_cache()  # its copies of the weights know of no gradient
        cls = torch.cat(features).requires_grad_()
        loss, self._accuracy = bare(self._model).contrast(cls, self._distributed)  # type: ignore[operator]
        by_cls, *self._by_head = torch.autograd.grad(self._weight * loss, [cls, *self._head()])
        self._by_cls = by_cls.split([len(part) for part in features])
        self._loss = loss.detach()

    def _head(self) -> list[nn.Parameter]:
        return list(bare(self._model).contrastive_head.parameters())  # type: ignore[union-attr]

    def _figures(self, loss: Tensor, accuracy: Tensor) -> Figures:
        return {
            "weighted": self._weight * loss,
            "contrastive_loss": loss,
            "contrastive_accuracy": accuracy,
        }


def _random_state(device: torch.device) -> list[Tensor]:
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states


def _set_random_state(states: list[Tensor], device: torch.device) -> None:
    torch.set_rng_state(states[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[1], device)
