"""What a tokenize job makes, and how it is run."""

from dataclasses import dataclass
from pathlib import Path

from ...datasets import VIEW_SETS, LabelSource
from ..errors import PipelineError
from .recipe import Recipe

ENGINES = ("local", "ray")
RAY_DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenizeConfig:
    """What to tokenize and into what: a store is resumed only with an equal one.

    Attributes:
        inputs: folders, files, lists and tar shards of video.
        out: the store's folder.
        tokenizer: see `load_tokenizer`.
        precision: arithmetic of the encoder, `fp32` or `bf16`.
        trust: allow tokenizer files that run code of their own.
        fps: frames a second to decode and encode.
        size: side of the square frames in pixels: the shorter side is resized to it.
        views: what is stored of each frame, a name of `VIEW_SETS`.
        steady: tolerance with which a token keeps the code of the frame before.
        form: how shards are stored, `zarr` or `webdataset`.
        videos_per_shard: none chooses by the number of videos.
        labels: only the videos that these label files list; none takes all.
    """

    inputs: tuple[str, ...]
    out: Path
    tokenizer: str = "default"
    precision: str = "fp32"
    trust: bool = False
    fps: float = 2.0
    size: int = 128
    views: str = "center"
    steady: float = 0.0
    form: str = "zarr"
    videos_per_shard: int | None = None
    labels: LabelSource | None = None

    def __post_init__(self) -> None:
        """Refuse what no tokenizer can do."""
        if not 0 < self.fps <= 1000:
            raise PipelineError(f"--fps must be above 0, at most 1000, not {self.fps}")
        if self.views not in VIEW_SETS:
            raise PipelineError(f"--views must be one of {', '.join(VIEW_SETS)}, not {self.views}")
        if self.videos_per_shard is not None and self.videos_per_shard < 1:
            raise PipelineError(f"--videos-per-shard must be above 0, not {self.videos_per_shard}")

    @property
    def recipe(self) -> Recipe:
        """How frames become codes."""
        return Recipe(fps=self.fps, size=self.size, views=VIEW_SETS[self.views], steady=self.steady)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """How to run a job; nothing here changes a byte of the store.

    Attributes:
        engine: `local` processes, or `ray` actors.
        device: `auto` (every accelerator, else the CPU), `cpu`, `cuda` (every card), or cards by
            name: `cuda:0,cuda:2`. A worker works on one card. Ray names no cards: it gives every
            actor a core or a card of the cluster.
        processes: workers on the CPU; none is one a core, 1 works in this process, where a crash
            ends the run.
        decoders: videos a worker decodes at once; none chooses for the machine.
        part: `i/n`: only every n-th shard from the i-th on, so that n runs share a job.
        max_failures: stop when more videos than this have failed; none never stops.
        retry_failed: try the failed videos of committed shards again.
    """

    engine: str = "local"
    device: str = "auto"
    processes: int | None = None
    decoders: int | None = None
    part: str | None = None
    max_failures: int | None = None
    retry_failed: bool = False

    def __post_init__(self) -> None:
        """Refuse an engine that does not exist, a device it cannot take, numbers too small."""
        if self.engine not in ENGINES:
            raise PipelineError(f"--engine must be {' or '.join(ENGINES)}, not {self.engine}")
        if self.engine == "ray" and self.device not in RAY_DEVICES:
            raise PipelineError(
                f"--device must be {', '.join(RAY_DEVICES)} with --engine ray, not {self.device}"
            )
        if self.max_failures is not None and self.max_failures < 0:
            raise PipelineError(f"--max-failures must be at least 0, not {self.max_failures}")
        for name in ("processes", "decoders"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise PipelineError(f"--{name} must be above 0, not {value}")
