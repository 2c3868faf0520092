"""Pre-training on a token store."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...datasets import ClipLoader, RandomClips, StoreError, TokenStore, select_videos
from ..distributed import ALONE, Distributed
from ..errors import TrainingError
from ..loop.checkpoint import TrainingState, read_checkpoint
from ..loop.log import OnReport
from ..loop.run_folder import Run
from ..loop.setup import prepare_run
from ..loop.staging import parts_of, staged
from ..loop.train import Outcome, train
from ..model.config import ModelConfig
from ..model.interpolation import interpolate_positions
from .codebook import embedding_from_codebook
from .config import PretrainConfig
from .model import PretrainModel
from .monitor import make_monitor
from .objective import MaskedClips, mask_clips, pretraining_objective


def pretrain(
    store: TokenStore,
    run: Run,
    config: PretrainConfig,
    *,
    distributed: Distributed = ALONE,
    resume: bool = False,
    codebook: Tensor | None = None,
    on_report: OnReport | None = None,
) -> Outcome:
    """Pre-train on the videos of `store`, leaving configuration, metrics and checkpoints in `run`.

    Args:
        store: tokens.
        run: the folder to write; fresh, or one to go on with when `resume`.
        config: resolved configuration.
        distributed: where to train, and with whom; ranks share the run's folder.
        resume: go on from the newest checkpoint, start where there is none.
        codebook: the tokenizer's `(V, c)` float, needed with `codebook_embedding`.
        on_report: called at every logged step, on rank 0.

    Raises:
        TrainingError: the run exists and is not to be resumed or was made with other settings, or
            the one it goes on with has done all its steps.
        StoreError: no video is left to train on, or to measure on.
        TaskError: labels of `knn` are not understood.
    """
    initial = None if config.init is None or run.checkpoints else first_state(config)
    torch.manual_seed(config.loop.seed)
    model = PretrainModel(config.model)
    if config.codebook_embedding:
        embedding_from_codebook(model, codebook)
    # What no loss reaches must not be waited for where the ranks average gradients.
    model.contrastive_head.requires_grad_(config.contrastive_weight > 0)
    model.backbone.checkpoint_layers = config.loop.checkpoint_activations
    clips, monitor = training_clips(store, config), make_monitor(store, config, distributed)
    prepare_run(run, "pretrain", config.to_dict(), store, distributed, resume=resume)
    return train(
        model.to(distributed.device),
        model.backbone.layers,
        partial(pretraining_objective, config=config, distributed=distributed),
        partial(training_batches, clips, config, distributed),
        run=run,
        loop=config.loop,
        optimizer_config=config.optimizer,
        batch_size=config.batch_size,
        distributed=distributed,
        initial=initial,
        monitor=monitor,
        on_report=on_report,
    )


def training_clips(store: TokenStore, config: PretrainConfig) -> RandomClips:
    """Two clips of every video to train on.

    Raises:
        StoreError: no video is left, or none can be drawn from.
    """
    return RandomClips(
        store,
        frames=config.model.frames,
        stride=config.stride,
        seed=config.loop.seed,
        max_distance=config.max_distance,
        indices=training_videos(store.keys, config.exclude, config.validation),
    )


def training_batches(
    drawn: RandomClips, config: PretrainConfig, distributed: Distributed, start: int
) -> Iterator[Sequence[MaskedClips]]:
    """This rank's part of every batch from step `start` on, masked, on the device."""
    loader = ClipLoader(
        drawn,
        batch_size=config.batch_size,
        steps=config.loop.last_step,
        start_step=start,
        rank=distributed.rank,
        world_size=distributed.world_size,
        workers=config.workers,
    )
    return staged(
        loader,
        lambda batch: [
            mask_clips(clips, seeds, config.mask, config.model.vocabulary, distributed.device)
            for clips, seeds in parts_of(
                config.loop.accumulate, batch["clips"], batch["mask_seeds"]
            )
        ],
    )


def training_videos(
    keys: Sequence[str], exclude: str | None, validation: str | None
) -> NDArray[np.int64]:
    """Numbers of the videos to train on: neither excluded nor held out.

    Raises:
        StoreError: none is left.
    """
    kept = select_videos(keys, exclude=exclude)
    left = np.intersect1d(kept, select_videos(keys, exclude=validation))
    if not len(left):
        raise StoreError(
            f"none of the {len(keys)} videos is left to train on: {exclude!r} excludes and "
            f"{validation!r} holds out all of them"
        )
    return left


def first_state(config: PretrainConfig) -> TrainingState:
    """The state of the run that `config.init` names.

    Raises:
        TrainingError: it leaves no step to do, or see `state_of`.
    """
    assert config.init is not None
    state, last = state_of(Run(Path(config.init)), config.model), config.loop.last_step
    if state.step >= last:
        longer = "steps" if config.loop.until is None else "until"
        raise TrainingError(
            f"{config.init} is at step {state.step} of {last}: give a larger --{longer}"
        )
    return state


def state_of(run: Run, model: ModelConfig) -> TrainingState:
    """The newest state of a pre-training run, its tables and their moments as `model` has them.

    Raises:
        TrainingError: it is no pre-training run, or its model differs in its form.
    """
    before = run.config
    if before["kind"] != "pretrain":
        raise TrainingError(f"{run.path} is a {before['kind']} run, not a pre-training run")
    state, shape = read_checkpoint(run.latest), ModelConfig.from_dict(before["model"])
    return TrainingState(
        step=state.step,
        weights=interpolate_positions(state.weights, shape, model),
        moments=_interpolate_moments(state.moments, shape, model),
        further=state.further,
    )


def _interpolate_moments(
    moments: dict[str, Tensor], before: ModelConfig, after: ModelConfig
) -> dict[str, Tensor]:
    """Moments by `NAME.MOMENT`, each kind treated as the weights are."""
    interpolated: dict[str, Tensor] = {}
    for kind in {name.rpartition(".")[2] for name in moments}:
        own = {
            name.removesuffix(f".{kind}"): value
            for name, value in moments.items()
            if name.endswith(f".{kind}")
        }
        if kind != "step":
            own = interpolate_positions(own, before, after)
        interpolated |= {f"{name}.{kind}": value for name, value in own.items()}
    return interpolated
