"""Planning a tokenize job: which videos, in which order, in which shard."""

from dataclasses import dataclass
from hashlib import sha256

from ...datasets import PlanItem, StoreIdentity, TokenizerIdentity, create_store, make_plan
from ...tokenizer import Tokenizer
from ..errors import PipelineError
from ..video import InputError, VideoSource, find_videos
from .config import TokenizeConfig

LARGEST_SHARD = 2048
"""Videos of a shard; a ten-second video at 2 fps and 128 px is some 5 KB of codes."""

FEWEST_SHARDS, ENOUGH_SHARDS = 8, 64
"""Small inputs are split so far that several processes find work."""

SMALLEST_SHARD = 16
"""Videos of a shard, once there are `FEWEST_SHARDS` of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenizeJob:
    """A planned job: everything a worker needs, small enough to send to it."""

    config: TokenizeConfig
    shards: tuple[tuple[VideoSource, ...], ...]

    @property
    def videos(self) -> int:
        """Number of videos."""
        return sum(map(len, self.shards))


def plan_job(config: TokenizeConfig, tokenizer: Tokenizer) -> TokenizeJob:
    """Find the videos, fix their split into shards and make the store, or open it to resume.

    Raises:
        InputError: an input does not exist or holds no video.
        StoreError: the store was made with other options or from other videos.
        TokenizerError: the tokenizer cannot do what is asked of it.
        PipelineError: sizes that make no token grid.
    """
    check_fit(config, tokenizer)
    sources, _ = planned_videos(config)
    size = config.videos_per_shard or shard_size(len(sources))
    plan = make_plan([PlanItem(key=s.key, source=planned_source(s)) for s in sources], size)
    create_store(
        config.out, store_identity(config, tokenizer), plan, tokenizer.save, form=config.form
    )
    shards = tuple(tuple(sources[at : at + size]) for at in range(0, len(sources), size))
    return TokenizeJob(config=config, shards=shards)


def check_fit(config: TokenizeConfig, tokenizer: Tokenizer) -> None:
    """Refuse frames that the tokenizer cannot encode; see `plan_job`."""
    if config.size % tokenizer.compression or config.size < tokenizer.compression:
        raise PipelineError(
            f"--size {config.size} is not a multiple of the tokenizer's {tokenizer.compression} px"
        )
    tokenizer.stream(config.steady)


def planned_videos(config: TokenizeConfig) -> tuple[list[VideoSource], list[str]]:
    """The videos to tokenize, and the keys of those that label files list but are not there.

    The order is that of the keys' hashes, so that every shard is a fair sample of all: neighbours
    in a folder (clips of one class, of one film) land in different shards.

    Raises:
        InputError: an input does not exist or holds no video, or none that is listed.
        TaskError: label files are missing or not understood.
    """
    sources = find_videos(config.inputs)
    missing: list[str] = []
    if config.labels is not None:
        numbers, missing = config.labels.find([source.key for source in sources])
        sources = [sources[number] for number in numbers]
        if not sources:
            raise InputError(
                f"none of the {len(missing)} videos that {config.labels.annotations} lists is in "
                f"{', '.join(config.inputs)}: the first is {missing[0]}"
            )
    sources.sort(key=lambda source: sha256(source.key.encode()).digest())
    return sources, missing


def shard_size(videos: int) -> int:
    """Videos a shard: the same for every machine, as the plan is."""
    smallest = min(-(-videos // FEWEST_SHARDS), SMALLEST_SHARD)
    return min(max(-(-videos // ENOUGH_SHARDS), smallest), LARGEST_SHARD)


def planned_source(source: VideoSource) -> str:
    """What the plan calls a video: its path below the input, or its tar and member."""
    return source.member if source.offset is None else f"{source.path.name}:{source.member}"


def store_identity(config: TokenizeConfig, tokenizer: Tokenizer) -> StoreIdentity:
    """The identity of the store that `config` makes."""
    return StoreIdentity(
        tokenizer=TokenizerIdentity(
            name=tokenizer.name,
            fingerprint=tokenizer.fingerprint,
            vocabulary=tokenizer.vocabulary,
            compression=tokenizer.compression,
            temporal_compression=tokenizer.temporal_compression,
        ),
        fps=config.fps,
        size=config.size,
        views=tuple(view.name for view in config.recipe.views),
        precision=tokenizer.precision,
        steady=config.steady,
    )
