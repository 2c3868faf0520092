"""A model made ready for a step: spread over ranks, compiled, its activations computed twice."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

from torch import nn
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.nn.parallel import DistributedDataParallel

from ..distributed import Distributed
from .config import LoopConfig
from .precision import DTYPES


def prepare_model(
    model: nn.Module, layers: Iterable[nn.Module], loop: LoopConfig, distributed: Distributed
) -> nn.Module:
    """Compile `layers` and spread `model` over the ranks, as `loop` says.

    Args:
        model: on its device, alike on every rank.
        layers: its repeated parts, each compiled and sharded as a unit.
        loop: see its class.
        distributed: the ranks.

    Returns:
        What to call in place of `model`.
    """
    layers = list(layers)
    if loop.compile:
        for layer in layers:
            layer.compile()
    if distributed.world_size == 1:
        return model
    if loop.sharding == "fsdp":
        policy = MixedPrecisionPolicy(param_dtype=DTYPES.get(loop.precision))
        for layer in layers:
            fully_shard(layer, mp_policy=policy)
        fully_shard(model, mp_policy=policy)
        return model
    cards = [distributed.device] if distributed.device.type == "cuda" else None
    return DistributedDataParallel(model, device_ids=cards, gradient_as_bucket_view=True)


def bare(model: nn.Module) -> nn.Module:
    """The model itself, out of what `prepare_model` put around it."""
    return model.module if isinstance(model, DistributedDataParallel) else model


def exchanging(model: nn.Module, wanted: bool) -> AbstractContextManager[None]:
    """A context whose backward passes exchange gradients between the ranks, or keep them."""
    if isinstance(model, FSDPModule):
        model.set_requires_gradient_sync(wanted)
    elif isinstance(model, DistributedDataParallel) and not wanted:
        return model.no_sync()
    return nullcontext()
