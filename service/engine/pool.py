"""What the batchers of a process share: room for images, threads, and whose turn it is."""

import asyncio
from collections import deque
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from service.engine.job import Slice
from service.engine.session import Array
from service.errors import ServiceError

INLINE_ROWS = 32
"""Runs of up to so many rows happen on the event loop."""


class Queue(Protocol):
    """What is waiting for one network, and how it runs; a `Batcher`, in earnest."""

    queued: bool
    """Whether the pool has it in line."""

    @property
    def waiting(self) -> bool: ...

    def take(self, loop: asyncio.AbstractEventLoop) -> list[Slice]: ...

    def run(self, slices: list[Slice]) -> tuple[Array | None, float]: ...

    def deliver(self, slices: list[Slice], output: Array | None, seconds: float) -> None: ...


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
        self._ready: deque[Queue] = deque()
        self._turn: asyncio.Handle | None = None
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="run")

    def close(self) -> None:
        """Ends the threads, after the runs they are at."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def check(self, images: int) -> None:
        """ServiceError 503 where there is no room for so many; 422 where there never is."""
        if images > self.limit:
            raise ServiceError(
                422, "more-than-queue", f"{images} images at once exceed {self.limit}, the queue: send fewer"
            )
        if self.images + images > self.limit:
            raise ServiceError(
                503,
                "queue-full",
                f"{self.images} of {self.limit} images are waiting: try again shortly",
                headers={"Retry-After": "1"},
            )

    def admit(self, images: int) -> None:
        """Reserves room that `check` has just found."""
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
        """Starts one run of the queue whose turn it is; models take turns."""
        self._turn = None
        queue = self._ready.popleft()
        slices = queue.take(loop)
        queue.queued = queue.waiting
        if queue.queued:
            self._ready.append(queue)
        if slices:
            self._running += 1
            if sum(part.size for part in slices) <= INLINE_ROWS:
                self._finish(queue, slices, *queue.run(slices), loop)
            else:
                self._executor.submit(self._in_thread, queue, slices, loop)
        self._schedule(loop)

    def _in_thread(self, queue: Queue, slices: list[Slice], loop: asyncio.AbstractEventLoop) -> None:
        outcome = queue.run(slices)
        loop.call_soon_threadsafe(self._finish, queue, slices, *outcome, loop)

    def _finish(
        self,
        queue: Queue,
        slices: list[Slice],
        output: Array | None,
        seconds: float,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        try:
            queue.deliver(slices, output, seconds)
        finally:
            self._running -= 1
            self.release(sum(part.size for part in slices))
            self._schedule(loop)
