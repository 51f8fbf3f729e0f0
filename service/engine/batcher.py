"""Gathers rows of many requests into runs of one network, without a timer.

What is submitted in the same turn of the event loop runs together; who is alone runs at once. Small runs
happen on the loop, where a thread would cost more than it gives; large ones in threads, since onnxruntime
releases the GIL.
"""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from service.engine.job import Job, Slice, failure, gather
from service.engine.pool import INLINE_ROWS, Pool
from service.engine.session import Array, Port
from service.engine.statistics import Statistics
from service.errors import ServiceError

log = logging.getLogger(__name__)


class Network(Protocol):
    """What a batcher runs; a `Session`, in earnest."""

    def run(self, feeds: Mapping[str, Array]) -> Array: ...


class Batcher:
    """Rows in, rows out, for one network. To be used from one event loop."""

    def __init__(
        self,
        network: Network,
        pool: Pool,
        *,
        max_batch: int,
        inputs: Mapping[str, Port],
    ) -> None:
        self.inputs = inputs
        """The arrays that `submit` must be given; the first axis is the batch."""
        self._rows = {name: (np.dtype(dtype), shape[1:]) for name, (dtype, shape) in inputs.items()}
        self.queued = False
        """Whether the pool has it in line."""
        self.statistics = Statistics()
        self._network = network
        self._pool = pool
        self._max_batch = max_batch
        self._jobs: deque[Job] = deque()

    @property
    def waiting(self) -> bool:
        return bool(self._jobs)

    async def submit(self, feeds: Mapping[str, Array], deadline: float) -> Array:
        """The network's output for these rows ([n, ...] each); `deadline` is on the clock of time.monotonic.

        Raises ServiceError as `check_room`, 504 `deadline` or 500 `inference-failed`. Cancelling the caller
        drops the rows that have not been run.
        """
        size = self._check(feeds)
        if self._pool.free_for(size) and time.monotonic() < deadline:
            return self._at_once(feeds, size)
        loop = asyncio.get_running_loop()
        self.check_room(size)
        self._pool.admit(size)
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
        """ServiceError 503 `queue-full`, or 422 `more-than-queue`, now rather than after the latents of a
        request were drawn for nothing."""
        try:
            self._pool.check(images)
        except ServiceError:
            self.statistics.fail.add(0)
            raise

    @contextmanager
    def room(self, images: int) -> Iterator[None]:
        """Holds room for so many while they are made ready, as uploads are decoded; ServiceError as
        `check_room`. A `submit` right after, with no turn of the loop in between, finds it free."""
        self.check_room(images)
        self._pool.admit(images)
        try:
            yield
        finally:
            self._pool.release(images)

    def take(self, loop: asyncio.AbstractEventLoop) -> list[Slice]:
        """Fills a run: first an equal share for every job, so that n = 256 cannot starve n = 1, then in order
        of arrival. Jobs that were served and want more go to the end."""
        now = time.monotonic()
        clock = time.perf_counter_ns()
        for job in [job for job in self._jobs if job.future.done() or job.deadline <= now]:
            self._jobs.remove(job)
            job.expire()
        if not self._jobs:
            return []
        room = self._max_batch
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
        for job in self._jobs if self._max_batch - room <= INLINE_ROWS else [*self._jobs, *starts]:
            self._arm(job, loop)
        return [Slice(job, start, job.taken) for job, start in starts.items()]

    def run(self, slices: list[Slice]) -> tuple[Array | None, float]:
        """The output of these rows together, None if the network failed, and the seconds it took."""
        return self._run({name: gather(slices, name) for name in slices[0].job.feeds})

    def _run(self, feeds: Mapping[str, Array]) -> tuple[Array | None, float]:
        start = time.perf_counter()
        rows = len(next(iter(feeds.values())))
        output = None
        try:
            output = self._network.run(feeds)
            if len(output) != rows:
                raise ValueError(f"{len(output)} rows of output")
        except Exception:
            log.exception("a run of %d rows failed", rows)
            output = None
        return output, time.perf_counter() - start

    def _at_once(self, feeds: Mapping[str, Array], size: int) -> Array:
        """What `submit` does for a caller that has the process to itself."""
        start = time.perf_counter_ns()
        output, seconds = self._run(feeds)
        self.statistics.queue.add(0)
        self._count(1, size, output, seconds)
        outcome = self.statistics.fail if output is None else self.statistics.success
        outcome.add(time.perf_counter_ns() - start)
        if output is None:
            raise failure()
        return output

    def _count(self, requests: int, images: int, output: Array | None, seconds: float) -> None:
        if output is None:
            self.statistics.undelivered["inference-failed"] += images
        else:
            self.statistics.ran(requests, images, seconds)

    def deliver(self, slices: list[Slice], output: Array | None, seconds: float) -> None:
        """Hands every job its rows, or the failure."""
        self._count(len(slices), sum(part.size for part in slices), output, seconds)
        if output is None:
            for part in slices:
                part.job.fail(failure())
            return
        position = 0
        for part in slices:
            part.deliver(output[position : position + part.size])
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
        self._pool.release(images)
        self.statistics.undelivered[reason] += images

    def _arm(self, job: Job, loop: asyncio.AbstractEventLoop) -> None:
        if job.timer is None and math.isfinite(job.deadline):
            job.timer = loop.call_later(job.deadline - time.monotonic(), job.expire)
