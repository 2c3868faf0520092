"""From gradients to new weights, decided on the device: nothing here waits for it.

A step whose loss or gradient is not finite changes nothing, and no later one does. Which one it
was is noted on the device and asked for where the loop reports anyway.
"""

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from ..errors import TrainingError
from .precision import Precision

FIRST_SCALE, GROWTH_STEPS = 2.0**16, 2000
"""Of the loss in fp16: halved where gradients overflow, doubled after so many steps without."""


class Update:
    """One optimiser step: clipping, loss scale and the guard against what is not finite.

    Clipping and unscaling are handed to the fused AdamW, which reads each gradient but once.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        clip_norm: float,
        precision: Precision,
        device: torch.device,
    ) -> None:
        self._parameters = list(model.parameters())
        self._optimizer = optimizer
        self._clip_norm = clip_norm
        self._scaled = precision == "fp16"
        self.scale = torch.tensor(FIRST_SCALE if self._scaled else 1.0, device=device)
        self.steps_without_overflow = torch.zeros((), device=device)
        self._broken = torch.full((3,), -1.0, dtype=torch.float64, device=device)
        # step, loss and gradient norm of the first step that was not finite

    def backward(self, loss: Tensor) -> None:
        """Add the loss's gradients to the parameters'."""
        (loss * self.scale if self._scaled else loss).backward()

    def apply(self, loss: Tensor, rate: float, step: int) -> Tensor:
        """Take step number `step` (from 1) at a learning rate; return the gradient norm.

        Args:
            loss: of the step, the same on every rank.
            rate: learning rate.
            step: its number, for the message.
        """
        gradients = [value.grad for value in self._parameters if value.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        norm = (norm.full_tensor() if isinstance(norm, DTensor) else norm) / self.scale
        finite = norm.isfinite()
        sound = loss.isfinite() & (finite | self._scaled)
        first = ~sound & (self._broken[0] < 0)
        self._broken = torch.where(
            first, torch.stack([torch.full_like(loss, step), loss, norm]).double(), self._broken
        )
        clip = (self._clip_norm / (norm + 1e-6)).clamp(max=1)
        self._step(rate, self.scale / clip, skip=~finite | (self._broken[0] >= 0))
        if self._scaled:
            self._rescale(finite)
        return norm

    def check(self) -> None:
        """Raise TrainingError where a step was not finite; the weights are those before it."""
        step, loss, norm = self._broken.tolist()
        if step >= 0:
            raise TrainingError(
                f"step {step:.0f}: loss {loss:.4g}, gradient norm {norm:.4g}: not finite; the "
                "last checkpoint is kept: train again with a lower --lr"
            )

    def state(self) -> dict[str, float]:
        """What a checkpoint keeps beside weights and moments."""
        if not self._scaled:
            return {}
        return {
            "loss_scale": float(self.scale),
            "steps_without_overflow": float(self.steps_without_overflow),
        }

    def load(self, state: dict[str, float]) -> None:
        """Take up what `state` gave."""
        if self._scaled and "loss_scale" in state:
            self.scale.fill_(state["loss_scale"])
            self.steps_without_overflow.fill_(state["steps_without_overflow"])

    def _step(self, rate: float, divisor: Tensor, skip: Tensor) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group["lr_scale"]
        # What the fused AdamW takes from a GradScaler.
        self._optimizer.grad_scale = divisor.float()  # type: ignore[attr-defined]
        self._optimizer.found_inf = skip.float()  # type: ignore[attr-defined]
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def _rescale(self, finite: Tensor) -> None:
        self.steps_without_overflow = (self.steps_without_overflow + 1) * finite
        grown = self.steps_without_overflow >= GROWTH_STEPS
        self.scale = torch.where(
            finite, torch.where(grown, self.scale * 2, self.scale), self.scale / 2
        )
        self.steps_without_overflow = self.steps_without_overflow * ~grown
