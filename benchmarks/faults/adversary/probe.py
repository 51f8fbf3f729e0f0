"""A client that asks for liveness every few milliseconds: its longest wait is how long the loop was held."""

import asyncio
import contextlib
import os
import time

from benchmarks.faults.usage import main_thread_s
from benchmarks.faults.wire import Connection, request

EVERY_S = 0.005
LATE_S = 0.010
PROBED = b'"/health/live"'
"""Marks the lines of the access log that probes cause."""
LIVE = request("GET", "/health/live")


class Probe:
    """Asks between `begin` and `end` only. Of the time that a probe waits, the part in which the service or
    this process waited for a processor does not count: other work on the machine is no stall."""

    def __init__(self, port: int, pid: int) -> None:
        self.cpu_s = 0.0
        """The processor time that one probe costs the service."""
        self._port = port
        self._pid = pid
        self._slowest = 0.0
        self._count = 0
        self._sent: tuple[float, float, float] | None = None
        """For the probe that waits: the time at which it was sent, and by then the seconds that the loop's
        thread had run, and that this thread and this process had waited for a processor."""
        self._begun = asyncio.Event()
        self._connection: Connection | None = None
        self._task = asyncio.ensure_future(self._run())

    def begin(self) -> None:
        self._slowest, self._count = 0.0, 0
        if self._sent is not None:
            self._sent = self._now()
        self._begun.set()

    def end(self) -> tuple[float, int]:
        """The longest wait in seconds, also of a probe that still waits, and the number of probes."""
        self._begun.clear()
        return max(self._slowest, self._waiting()), self._count

    @property
    def is_late(self) -> bool:
        """True while a probe waits longer than usual."""
        return self._sent is not None and time.perf_counter() - self._sent[0] > LATE_S

    async def close(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        if self._connection is not None:
            self._connection.close()
            await asyncio.sleep(0)

    async def _run(self) -> None:
        while True:
            await self._begun.wait()
            try:
                if self._connection is None or not self._connection.open:
                    self._connection = await Connection.to(self._port)
                self._sent = self._now()
                await self._connection.ask(LIVE)
                self._slowest = max(self._slowest, self._waiting())
                self._count += 1
            except (OSError, EOFError):
                self._connection = None
            finally:
                self._sent = None
            await asyncio.sleep(EVERY_S)

    def _now(self) -> tuple[float, float, float]:
        ran, waited = main_thread_s(self._pid)
        return time.perf_counter(), ran, waited + main_thread_s(os.getpid())[1]

    def _waiting(self) -> float:
        """Seconds that the present probe has waited for the service alone."""
        if self._sent is None:
            return 0.0
        passed, ran, waited = (after - before for after, before in zip(self._now(), self._sent, strict=True))
        return max(ran, passed - waited)
