"""Which task comes next, and what to do when a worker dies: find the video that kills, go on."""

from collections import deque
from collections.abc import Iterator, Sequence

from ..errors import PipelineError
from .plan import TokenizeJob
from .pool import Ended, Pool, Task
from .shard import ShardDone

DEATHS_FORGIVEN = 8
"""Times a shard's worker may die without a video to blame."""

PROOF = 3
"""Deaths in a row on one video alone that prove it kills: other causes do not strike so often."""

STARTS_FORGIVEN = 20
"""Workers in a row that may die before they have begun."""


def run_shards(job: TokenizeJob, shards: Sequence[int], pool: Pool) -> Iterator[ShardDone]:
    """Run shards on a pool, in any order, each until it is committed.

    A worker that died before it had begun is replaced. A shard whose worker died is run again; if
    its worker dies again, its videos are tried out by halves, and the one on which workers die each
    time is set aside as a failure.

    Raises:
        PipelineError: workers keep dying, on no video in particular or before they begin.
    """
    waiting = deque(Task(shard=shard) for shard in shards)
    hunts: dict[int, Hunt] = {}
    running = starts = 0
    while waiting or running:
        while waiting and running < pool.size:
            pool.start(waiting.popleft())
            running += 1
        ended = pool.wait()
        running -= 1
        starts = 0 if ended.begun else starts + 1
        if starts > STARTS_FORGIVEN:
            raise PipelineError(
                f"{starts} workers in a row died before they had begun (is memory short?); run "
                "the same command with fewer --processes"
            )
        if not ended.begun:
            waiting.appendleft(ended.task)
        elif ended.done is not None:
            yield ended.done
        else:
            keys = [source.key for source in job.shards[ended.task.shard]]
            hunt = hunts.setdefault(ended.task.shard, Hunt(ended.task.shard, keys))
            waiting.appendleft(hunt.next_task(ended))


class Hunt:
    """The search for the videos of one shard on which workers die."""

    def __init__(self, shard: int, keys: Sequence[str]) -> None:
        self.shard = shard
        self.keys = keys
        self.found: list[str] = []
        self.deaths = 0
        self.suspects = (0, len(keys))
        self.accused = 0

    def next_task(self, ended: Ended) -> Task:
        """What to do after a death, or after a trial that was survived."""
        if ended.task.trial is None:
            return self._after_whole()
        first, end = ended.task.trial
        if end - first > 1:
            self.suspects = (first, end) if ended.died else (end, self.suspects[1])
            return self._trial()
        if not ended.died:
            return self._whole() if end == self.suspects[1] else self._trial_of(end)
        self.accused += 1
        if self.accused < PROOF:
            return self._task((first, end))
        self.found.append(self.keys[first])
        self.deaths = 1  # another killer is searched for at once
        return self._whole()

    def _after_whole(self) -> Task:
        self.deaths += 1
        if self.deaths == 1:
            return self._whole()
        if self.deaths > DEATHS_FORGIVEN:
            raise PipelineError(
                f"workers keep dying on shard {self.shard}, on none of its videos alone (is "
                "memory short?); committed shards stay: run the same command with fewer --processes"
            )
        self.suspects = (0, len(self.keys))
        return self._trial()

    def _trial_of(self, first: int) -> Task:
        self.suspects = (first, self.suspects[1])
        return self._trial()

    def _trial(self) -> Task:
        """Try the first half of the suspects."""
        self.accused = 0
        first, end = self.suspects
        return self._task((first, first + max((end - first) // 2, 1)))

    def _whole(self) -> Task:
        return self._task(None)

    def _task(self, trial: tuple[int, int] | None) -> Task:
        return Task(shard=self.shard, quarantined=tuple(self.found), trial=trial)
