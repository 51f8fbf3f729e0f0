"""Image work under bounds: in worker processes, in turns among clients, with deadlines that end it.

Decoding a hostile file and encoding a long animation take seconds, hold Python's lock for much of them, and
cannot be interrupted within a process. So both happen in workers that can be ended.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from service.budget import Budget
from service.imaging.fair_queue import FairQueue
from service.imaging.jobs import Job
from service.imaging.worker_process import Done, WorkerProcess

WORKER_BYTES = 96 * 1024 * 1024
WORKER_BYTES_PER_PIXEL = 24
"""A worker's memory: decoding 4 megapixels with colours and transparency needs 128 MiB of the 188 allowed."""


class ImageWorkers:
    """Runs jobs in at most `count` processes, started when they are first needed.

    A client's jobs never occupy all of them, so that another client always finds one. To be used from one
    event loop.
    """

    def __init__(self, count: int, requests: Budget, memory: Budget, pixels: int) -> None:
        """`requests` bounds the requests that are admitted at once, `memory` the bytes that they brought;
        `pixels` is the size of the largest image that is decoded."""
        self.count = count
        self._worker_bytes = WORKER_BYTES + WORKER_BYTES_PER_PIXEL * pixels
        self.requests = requests
        self.memory = memory
        self._most_of_one_client = max(1, count - 1)
        self._idle: list[WorkerProcess] = []
        self._started = 0
        self._running: dict[str, int] = {}
        self._queue: FairQueue[asyncio.Future[None]] = FairQueue()
        self._closed = False

    @contextmanager
    def admit(self, client: str, size: int) -> Iterator[None]:
        """Hold a place for a request that brought `size` bytes; BudgetExceeded if there is none.

        A request runs its jobs one after the other within the block, so no more jobs wait than requests.
        """
        with self.requests.hold(client, 1), self.memory.hold(client, size):
            yield

    async def run(self, client: str, job: Job, until: float, processor_s: float | None = None) -> Done:
        """Return the job's byte strings and its processor time.

        `until` is on the clock of time.monotonic: past it the job is ended, or never started. `processor_s`
        bounds its processor time, by default to what is left until then. Raises TimeoutError, ImageError or
        JobFailed.
        """
        await self._turn(client, until)
        try:
            worker = self._idle.pop() if self._idle else await self._start()
            seconds = until - time.monotonic()
            if seconds <= 0:
                self._return(worker)
                raise TimeoutError
            try:
                return await worker.do(job, seconds, seconds if processor_s is None else processor_s)
            finally:
                self._return(worker)
        finally:
            self._end_turn(client)

    async def warm(self) -> None:
        """Start the processes now, so that no request waits for one."""
        with suppress(OSError):
            while self._started < self.count:
                self._idle.append(await self._start())

    def close(self) -> None:
        """End all processes."""
        self._closed = True
        for worker in self._idle:
            worker.kill()
        self._idle.clear()

    def _return(self, worker: WorkerProcess) -> None:
        if worker.alive and self._started <= self.count and not self._closed:
            self._idle.append(worker)
        else:
            worker.kill()
            self._started -= 1

    async def _start(self) -> WorkerProcess:
        self._started += 1
        try:
            return await WorkerProcess.start(self._worker_bytes)
        except BaseException:
            self._started -= 1
            raise

    async def _turn(self, client: str, until: float) -> None:
        """Wait until a process is free for this client; TimeoutError if none is by then."""
        if self._has_room(client):
            self._take(client)
            return
        turn = asyncio.get_running_loop().create_future()
        self._queue.push(client, turn)
        try:
            async with asyncio.timeout(until - time.monotonic()):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._end_turn(client)  # It was granted in the same turn of the loop as it was given up.
            else:
                self._queue.remove(client, turn)
            raise

    def _has_room(self, client: str) -> bool:
        running = sum(self._running.values())
        return running < self.count and self._running.get(client, 0) < self._most_of_one_client

    def _take(self, client: str) -> None:
        self._running[client] = self._running.get(client, 0) + 1

    def _end_turn(self, client: str) -> None:
        """Give the process back, and its turn to whoever waits."""
        self._running[client] -= 1
        if not self._running[client]:
            del self._running[client]
        while waiting := self._queue.pop(self._has_room):
            other, turn = waiting
            if not turn.done():
                self._take(other)
                turn.set_result(None)
