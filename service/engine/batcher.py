"""Gathers rows of many requests into runs of one network, without a timer.

Rows that are submitted in the same turn of the event loop run together; a request that is alone runs at once.
Short runs happen on the loop, where a thread would cost more than it gives; longer ones in threads, since
onnxruntime releases the GIL.
"""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from service.engine.backlog import Backlog
from service.engine.cost import Cost
from service.engine.job import Job, Slice, failure, gather
from service.engine.pool import Outcome, Pool
from service.engine.session import Array, Port
from service.engine.statistics import Statistics
from service.errors import ServiceError

log = logging.getLogger(__name__)


LOOP_ROWS = 32
LOOP_S = 0.005
"""A run happens on the event loop if it has at most LOOP_ROWS rows and takes at most LOOP_S by estimate."""
LOOP_LIMIT_S = 1.0
"""Seconds after which a run on the loop is ended, whatever was estimated."""
RUN_S = 0.015
"""The rows of a run take at most RUN_S by estimate, so that other networks soon get a thread."""


class Network(Protocol):
    """A network that a batcher runs; in the service a `Session`. A run is ended after `limit_s` seconds."""

    def run(self, feeds: Mapping[str, Array], limit_s: float = ...) -> Array: ...


class Batcher:
    """Rows in, rows out, for one network. To be used from one event loop."""

    def __init__(
        self,
        network: Network,
        pool: Pool,
        *,
        max_batch: int,
        inputs: Mapping[str, Port],
        cost: Cost | None = None,
    ) -> None:
        self.inputs = inputs
        """The arrays that `submit` must be given; the first axis is the batch."""
        self._rows = {name: (np.dtype(dtype), shape[1:]) for name, (dtype, shape) in inputs.items()}
        self.queued = False
        """True while it waits for its turn in the pool."""
        self.statistics = Statistics()
        self.cost = cost or Cost()
        self.backlog = Backlog(pool.bounds, self.cost)
        self._network = network
        self._pool = pool
        self._max_batch = max_batch
        self._jobs: deque[Job] = deque()

    @property
    def waiting(self) -> bool:
        return bool(self._jobs)

    @property
    def slow(self) -> bool:
        """True if a full batch takes more than RUN_S, so that runs are shorter than MAX_BATCH."""
        return self.cost.rows_within(RUN_S) < self._max_batch

    async def submit(self, feeds: Mapping[str, Array], deadline: float) -> Array:
        """The network's output for these rows ([n, ...] each); `deadline` is on the clock of time.monotonic.

        Raises ServiceError as `check_room`, 504 `deadline` or 500 `inference-failed`. Cancelling the caller
        drops the rows that have not been run.
        """
        size = self._check(feeds)
        if self._pool.alone and self._may_run_at_once(size) and time.monotonic() < deadline:
            return self._at_once(feeds, size)
        loop = asyncio.get_running_loop()
        self.check_room(size)
        self.backlog.admit(size)
        job = Job(feeds, size, deadline, loop.create_future())
        self._jobs.append(job)
        self._pool.wake(self, loop)
        if self._pool.busy:
            self._arm(job, loop)
        outcome = self.statistics.fail
        try:
            rows = await job.future
            outcome = self.statistics.success
            return rows
        finally:
            outcome.add(time.perf_counter_ns() - job.arrived)
            if job.timer is not None:
                job.timer.cancel()
            if job.taken < size:
                self._drop(job)

    def check_room(self, images: int) -> None:
        """Raise ServiceError 503 `queue-full` or 422 `more-than-queue`, before the latents of a request are
        drawn for nothing."""
        try:
            self.backlog.check(images)
        except ServiceError:
            self.statistics.fail.add(0)
            raise

    def take(self, loop: asyncio.AbstractEventLoop) -> list[Slice]:
        """Fill a run of at most MAX_BATCH rows and about RUN_S: first an equal share for every job, so that
        n = 256 cannot starve n = 1, then in order of arrival. Jobs that were served and want more go to the
        end."""
        now = time.monotonic()
        clock = time.perf_counter_ns()
        for job in [job for job in self._jobs if job.future.done() or job.deadline <= now]:
            self._jobs.remove(job)
            job.expire()
        if not self._jobs:
            return []
        most_rows = room = min(self._max_batch, self.cost.rows_within(RUN_S))
        share = max(1, room // len(self._jobs))
        starts: dict[Job, int] = {}
        for most in (share, room):
            for job in self._jobs:
                count = min(job.size - job.taken, most, room)
                if room == 0:
                    break
                if count == 0:
                    continue
                if job.taken == 0:
                    self.statistics.queue.add(clock - job.arrived)
                starts.setdefault(job, job.taken)
                job.taken += count
                room -= count
        for job in starts:
            self._jobs.remove(job)
            if job.taken < job.size:
                self._jobs.append(job)
        # A run on the loop ends before a timer could fire: only who waits for more than that needs one.
        for job in self._jobs if self.on_loop(most_rows - room) else [*self._jobs, *starts]:
            self._arm(job, loop)
        return [Slice(job, start, job.taken) for job, start in starts.items()]

    def on_loop(self, rows: int) -> bool:
        """True if a run of so many rows is short enough for the event loop."""
        return rows <= LOOP_ROWS and self.cost.run_s(rows) <= LOOP_S

    def run(self, slices: list[Slice], on_loop: bool) -> Outcome:
        """Run these rows together."""
        return self._run({name: gather(slices, name) for name in slices[0].job.feeds}, on_loop)

    def _run(self, feeds: Mapping[str, Array], on_loop: bool) -> Outcome:
        rows = len(next(iter(feeds.values())))
        limit_s = LOOP_LIMIT_S if on_loop else self._pool.run_limit_s
        output = None
        work = 0.0 if on_loop else self.cost.clock()
        start = time.perf_counter()
        try:
            output = self._network.run(feeds, limit_s)
            if len(output) != rows:
                raise ValueError(f"{len(output)} rows of output")
        except Exception:
            log.exception("a run of %d rows failed", rows)
            output = None
        seconds = time.perf_counter() - start
        return Outcome(output, seconds, None if on_loop else self.cost.clock() - work)

    def _may_run_at_once(self, size: int) -> bool:
        return self.on_loop(size) and size <= min(self._max_batch, self.backlog.bounds.images)

    def _at_once(self, feeds: Mapping[str, Array], size: int) -> Array:
        """Do the work of `submit` for a caller that has the process to itself."""
        start = time.perf_counter_ns()
        outcome = self._run(feeds, on_loop=True)
        self.statistics.queue.add(0)
        self._count(1, size, outcome)
        tally = self.statistics.fail if outcome.output is None else self.statistics.success
        tally.add(time.perf_counter_ns() - start)
        if outcome.output is None:
            raise failure()
        return outcome.output

    def _count(self, requests: int, images: int, outcome: Outcome) -> None:
        work_s = outcome.work_s
        # The clock of a short run costs more than it tells: those are measured where they were not short. A
        # run that failed early says nothing about the cost; one that was ended for its length does.
        if work_s is None and outcome.seconds > LOOP_S:
            work_s = outcome.seconds
        if work_s is not None and (outcome.output is not None or work_s > self.cost.run_s(images)):
            self.cost.learn(images, work_s)
        if outcome.output is None:
            self.statistics.undelivered["inference-failed"] += images
        else:
            self.statistics.ran(requests, images, outcome.seconds)

    def deliver(self, slices: list[Slice], outcome: Outcome) -> None:
        """Hand every job its rows, or the failure, and free their places in the queue."""
        images = sum(part.size for part in slices)
        self.backlog.release(images)
        self._count(len(slices), images, outcome)
        if outcome.output is None:
            for part in slices:
                part.job.fail(failure())
            return
        position = 0
        for part in slices:
            part.deliver(outcome.output[position : position + part.size])
            position += part.size

    def _check(self, feeds: Mapping[str, Array]) -> int:
        """How many rows; ValueError for what would fail the others in the batch along with this caller."""
        sizes = {len(rows) for rows in feeds.values()}
        if feeds.keys() != self.inputs.keys() or len(sizes) != 1 or 0 in sizes:
            raise ValueError(f"needs as many rows, at least one, of each of {', '.join(self.inputs)}")
        for name, (dtype, shape) in self._rows.items():
            if feeds[name].dtype != dtype or feeds[name].shape[1:] != shape:
                raise ValueError(f"{name}: needs {dtype} rows of shape {shape}")
        return sizes.pop()

    def _drop(self, job: Job) -> None:
        """Forgets the rows that were not run, at once, so that others may have their room."""
        error = None if job.future.cancelled() else job.future.exception()
        reason = error.code if isinstance(error, ServiceError) else "cancelled"
        images = job.size - job.taken
        job.taken = job.size
        if job in self._jobs:
            self._jobs.remove(job)
        self.backlog.release(images)
        self.statistics.undelivered[reason] += images

    def _arm(self, job: Job, loop: asyncio.AbstractEventLoop) -> None:
        if job.timer is None and math.isfinite(job.deadline):
            job.timer = loop.call_later(job.deadline - time.monotonic(), job.expire)
