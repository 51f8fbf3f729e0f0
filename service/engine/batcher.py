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
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np

from service.engine.session import Array, Port
from service.engine.statistics import Statistics
from service.errors import ServiceError

INLINE_ROWS = 32

log = logging.getLogger(__name__)


class Network(Protocol):
    """What a batcher runs; a `Session`, in earnest."""

    def run(self, feeds: Mapping[str, Array]) -> Array: ...


class _Job:
    """One call of `submit`: rows [0, size) of which [0, taken) have gone into runs and `done` came back."""

    __slots__ = ("arrived", "deadline", "done", "feeds", "future", "out", "size", "taken", "timer")

    def __init__(
        self, feeds: Mapping[str, Array], size: int, deadline: float, future: asyncio.Future[Array]
    ) -> None:
        self.arrived = time.perf_counter_ns()
        self.feeds = feeds
        self.size = size
        self.deadline = deadline
        self.future = future
        self.taken = 0
        self.done = 0
        self.out: Array | None = None
        self.timer: asyncio.TimerHandle | None = None


class _Slice(NamedTuple):
    """Rows [start, stop) of a job, in a run."""

    job: _Job
    start: int
    stop: int


class Pool:
    """What all batchers of a process share: the bound on images, and the number of runs at once.

    `images` counts what is waiting or running; it never exceeds `limit`. `under_way` has an entry for every
    request that the server has begun to handle, where there is a server that tells.
    """

    def __init__(self, threads: int, limit: int) -> None:
        self.threads = threads
        self.limit = limit
        self.images = 0
        self.under_way: Collection[object] = ()
        self._running = 0
        self._ready: deque[Batcher] = deque()
        self._turn: asyncio.Handle | None = None
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="run")

    def close(self) -> None:
        """Ends the threads, after the runs they are at."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def check(self, images: int) -> None:
        """ServiceError 503 where there is no room for so many."""
        if self.images + images > self.limit:
            raise ServiceError(
                503,
                "queue-full",
                f"{self.images} of {self.limit} images are waiting: try again shortly",
                headers={"Retry-After": "1"},
            )

    def admit(self, images: int) -> None:
        """Reserves room; ServiceError 503 where there is none."""
        self.check(images)
        self.images += images

    def release(self, images: int) -> None:
        self.images -= images

    def free_for(self, images: int) -> bool:
        """Whether so many may run on the loop right now: no other request could share the run, and none is
        overtaken."""
        return len(self.under_way) == 1 and not self.images and images <= min(INLINE_ROWS, self.limit)

    @property
    def busy(self) -> bool:
        """Whether all runs that may go on at once do, so that a new one has to wait."""
        return self._running >= self.threads

    def wake(self, batcher: "Batcher", loop: asyncio.AbstractEventLoop) -> None:
        """Gives the batcher its turn, after everything that this turn of the loop still has to do."""
        if not batcher.queued:
            batcher.queued = True
            self._ready.append(batcher)
        self._schedule(loop)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._turn is None and self._ready and not self.busy:
            self._turn = loop.call_soon(self._next, loop)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Starts one run of the batcher whose turn it is; models take turns."""
        self._turn = None
        batcher = self._ready.popleft()
        slices = batcher.take(loop)
        batcher.queued = batcher.waiting
        if batcher.queued:
            self._ready.append(batcher)
        if slices:
            self._running += 1
            if sum(part.stop - part.start for part in slices) <= INLINE_ROWS:
                self._finish(batcher, slices, *batcher.run(slices), loop)
            else:
                self._executor.submit(self._in_thread, batcher, slices, loop)
        self._schedule(loop)

    def _in_thread(self, batcher: "Batcher", slices: list[_Slice], loop: asyncio.AbstractEventLoop) -> None:
        outcome = batcher.run(slices)
        loop.call_soon_threadsafe(self._finish, batcher, slices, *outcome, loop)

    def _finish(
        self,
        batcher: "Batcher",
        slices: list[_Slice],
        output: Array | None,
        seconds: float,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        try:
            batcher.deliver(slices, output, seconds)
        finally:
            self._running -= 1
            self.release(sum(part.stop - part.start for part in slices))
            self._schedule(loop)


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
        self._jobs: deque[_Job] = deque()

    @property
    def waiting(self) -> bool:
        return bool(self._jobs)

    async def submit(self, feeds: Mapping[str, Array], deadline: float) -> Array:
        """The network's output for these rows ([n, ...] each); `deadline` is on the clock of time.monotonic.

        Raises ServiceError 503 `queue-full`, 504 `deadline` or 500 `inference-failed`. Cancelling the caller
        drops the rows that have not been run.
        """
        size = self._check(feeds)
        if self._pool.free_for(size) and time.monotonic() < deadline:
            return self._at_once(feeds, size)
        loop = asyncio.get_running_loop()
        try:
            self._pool.admit(size)
        except ServiceError:
            self.statistics.fail.add(0)
            raise
        job = _Job(feeds, size, deadline, loop.create_future())
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

    def take(self, loop: asyncio.AbstractEventLoop) -> list[_Slice]:
        """Fills a run: first an equal share for every job, so that n = 256 cannot starve n = 1, then in order
        of arrival. Jobs that were served and want more go to the end."""
        now = time.monotonic()
        clock = time.perf_counter_ns()
        for job in [job for job in self._jobs if job.future.done() or job.deadline <= now]:
            self._jobs.remove(job)
            _expire(job)
        if not self._jobs:
            return []
        room = self._max_batch
        share = max(1, room // len(self._jobs))
        starts: dict[_Job, int] = {}
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
        return [_Slice(job, start, job.taken) for job, start in starts.items()]

    def run(self, slices: list[_Slice]) -> tuple[Array | None, float]:
        """The output of these rows together, None if the network failed, and the seconds it took."""
        return self._run({name: _gather(slices, name) for name in slices[0].job.feeds})

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
            raise _failure()
        return output

    def _count(self, requests: int, images: int, output: Array | None, seconds: float) -> None:
        if output is None:
            self.statistics.undelivered["inference-failed"] += images
        else:
            self.statistics.ran(requests, images, seconds)

    def deliver(self, slices: list[_Slice], output: Array | None, seconds: float) -> None:
        """Hands every job its rows, or the failure."""
        self._count(len(slices), sum(part.stop - part.start for part in slices), output, seconds)
        if output is None:
            for part in slices:
                _fail(part.job, _failure())
            return
        position = 0
        for part in slices:
            count = part.stop - part.start
            _deliver(part, output[position : position + count])
            position += count

    def _check(self, feeds: Mapping[str, Array]) -> int:
        """How many rows; ValueError for what would fail the others in the batch along with this caller."""
        sizes = {len(rows) for rows in feeds.values()}
        if feeds.keys() != self.inputs.keys() or len(sizes) != 1 or 0 in sizes:
            raise ValueError(f"needs as many rows, at least one, of each of {', '.join(self.inputs)}")
        for name, (dtype, shape) in self._rows.items():
            if feeds[name].dtype != dtype or feeds[name].shape[1:] != shape:
                raise ValueError(f"{name}: needs {dtype} rows of shape {shape}")
        return sizes.pop()

    def _drop(self, job: _Job) -> None:
        """Forgets the rows that were not run, at once, so that others may have their room."""
        error = None if job.future.cancelled() else job.future.exception()
        reason = error.code if isinstance(error, ServiceError) else "cancelled"
        images = job.size - job.taken
        job.taken = job.size
        if job in self._jobs:
            self._jobs.remove(job)
        self._pool.release(images)
        self.statistics.undelivered[reason] += images

    def _arm(self, job: _Job, loop: asyncio.AbstractEventLoop) -> None:
        if job.timer is None and math.isfinite(job.deadline):
            job.timer = loop.call_later(job.deadline - time.monotonic(), _expire, job)


def _gather(slices: list[_Slice], name: str) -> Array:
    if len(slices) == 1:
        return slices[0].job.feeds[name][slices[0].start : slices[0].stop]
    return np.concatenate([part.job.feeds[name][part.start : part.stop] for part in slices])


def _deliver(part: _Slice, rows: Array) -> None:
    job = part.job
    if job.future.done():
        return
    if len(rows) == job.size:
        job.future.set_result(rows)
        return
    if job.out is None:
        job.out = np.empty((job.size, *rows.shape[1:]), rows.dtype)
    job.out[part.start : part.stop] = rows
    job.done += len(rows)
    if job.done == job.size:
        job.future.set_result(job.out)


def _expire(job: _Job) -> None:
    _fail(job, ServiceError(504, "deadline", "the deadline passed before the images were ready"))


def _failure() -> ServiceError:
    return ServiceError(500, "inference-failed", "the model failed on this input")


def _fail(job: _Job, error: ServiceError) -> None:
    if not job.future.done():
        job.future.set_exception(error)
