"""The threads that the batchers of a process share, and the order in which they take turns."""

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Collection
from functools import partial
from typing import NamedTuple, Protocol

from service.engine.backlog import Bounds
from service.engine.job import Slice
from service.engine.session import Array
from service.engine.workers import Workers

CLOSE_S = 1.0
"""Seconds that runs have to end in after they were told to."""
RESERVED_S = 1.0
"""Seconds after a run of another network in which slow networks leave one thread free."""


class Outcome(NamedTuple):
    """The end of a run."""

    output: Array | None
    """None if the network failed."""
    seconds: float
    """From its start to its end."""
    work_s: float | None
    """The seconds by the clock of the network's `Cost`; None of a run on the event loop."""


class Queue(Protocol):
    """The jobs that wait for one network, and how they run; in the service a `Batcher`."""

    queued: bool
    """True while it waits for its turn in the pool."""

    @property
    def waiting(self) -> bool: ...

    @property
    def slow(self) -> bool: ...

    def take(self, loop: asyncio.AbstractEventLoop) -> list[Slice]: ...

    def on_loop(self, rows: int) -> bool: ...

    def run(self, slices: list[Slice], on_loop: bool) -> Outcome: ...

    def deliver(self, slices: list[Slice], outcome: Outcome) -> None: ...


class Pool:
    """The runs that go on at once, and the order in which networks take turns.

    `under_way` has an entry for every request that the server has begun to handle, where there is a server
    that tells.
    """

    def __init__(self, threads: int, bounds: Bounds, run_limit_s: float) -> None:
        self.threads = threads
        self.bounds = bounds
        """The bounds on the queue of each network."""
        self.run_limit_s = run_limit_s
        """Seconds after which a run in a thread is ended."""
        self.under_way: Collection[object] = ()
        self._running = 0
        self._slow_running = 0
        self._reserved_until = -math.inf
        self._ready: deque[Queue] = deque()
        self._turn: asyncio.Handle | None = None
        self._workers = Workers(threads, "run")

    def close(self) -> None:
        """End the threads. Runs that do not return in time are left to end with the process."""
        self._workers.close(CLOSE_S)

    @property
    def alone(self) -> bool:
        """True if the caller's request is the only one: none could share its run, and none is overtaken."""
        return len(self.under_way) == 1 and not self._running and not self._ready

    @property
    def busy(self) -> bool:
        """True if all threads are busy, so that a new run has to wait."""
        return self._running >= self.threads

    def wake(self, queue: Queue, loop: asyncio.AbstractEventLoop) -> None:
        """Gives the queue its turn, after everything that this turn of the loop still has to do."""
        if not queue.queued:
            queue.queued = True
            self._ready.append(queue)
        self._schedule(loop)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._turn is None and self._ready and not self.busy:
            self._turn = loop.call_soon(self._next, loop)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start one run of the queue whose turn it is; networks take turns."""
        self._turn = None
        queue = self._choose()
        if queue is None:
            return  # A slow run is going on, and looks again when it ends.
        self._ready.remove(queue)
        slices = queue.take(loop)
        queue.queued = queue.waiting
        if queue.queued:
            self._ready.append(queue)
        if slices:
            self._running += 1
            slow = queue.slow
            if slow:
                self._slow_running += 1
            else:
                self._reserved_until = time.monotonic() + RESERVED_S
            if queue.on_loop(sum(part.size for part in slices)):
                self._finish(queue, slices, slow, queue.run(slices, True), loop)
            else:
                self._workers.submit(partial(self._in_thread, queue, slices, slow, loop))
        self._schedule(loop)

    def _choose(self) -> Queue | None:
        """The first queue in line. A slow one is passed over if it would take the last thread while other
        networks are in use, so that their short runs do not wait for long ones."""
        full = 0 < self._slow_running == self.threads - 1 and time.monotonic() < self._reserved_until
        return next((queue for queue in self._ready if not (full and queue.slow)), None)

    def _in_thread(
        self, queue: Queue, slices: list[Slice], slow: bool, loop: asyncio.AbstractEventLoop
    ) -> None:
        outcome = queue.run(slices, False)
        # A loop that is closed has no callers left.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(self._finish, queue, slices, slow, outcome, loop)

    def _finish(
        self,
        queue: Queue,
        slices: list[Slice],
        slow: bool,
        outcome: Outcome,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        try:
            queue.deliver(slices, outcome)
        finally:
            self._running -= 1
            self._slow_running -= slow
            self._schedule(loop)
