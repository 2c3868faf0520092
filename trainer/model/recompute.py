"""What is cheaper to compute again in the backward pass than to keep."""

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional


def gelu_then(linear: nn.Linear, inner: Tensor) -> Tensor:
    """`linear(gelu(inner))`, of which the backward pass keeps `inner` alone.

    The linear layer would keep its input, the widest tensor of a transformer's layer; GELU again
    costs far less than the memory.
    """
    outer = functional.gelu(inner)
    if not outer.requires_grad or torch.compiler.is_compiling():
        return linear(outer)
    place = outer.data_ptr()

    def pack(saved: Tensor) -> Tensor | torch.Size:
        return saved.shape if saved.data_ptr() == place else saved

    def unpack(kept: Tensor | torch.Size) -> Tensor:
        return functional.gelu(inner.detach()).view(kept) if isinstance(kept, torch.Size) else kept

    with saved_tensors_hooks(pack, unpack):
        return linear(outer)
