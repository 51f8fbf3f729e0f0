"""A client that asks for liveness every few milliseconds: its longest wait is how long the loop was held."""

import asyncio
import contextlib
import time

from benchmarks.faults.wire import Connection, request

EVERY_S = 0.005
LIVE = request("GET", "/health/live")


class Probe:
    """Asks between `begin` and `end` only."""

    def __init__(self, port: int) -> None:
        self.cpu_s = 0.0
        """The processor time that one probe costs the service."""
        self._port = port
        self._slowest = 0.0
        self._count = 0
        self._sent: float | None = None
        self._begun = asyncio.Event()
        self._task = asyncio.ensure_future(self._run())

    def begin(self) -> None:
        self._slowest, self._count = 0.0, 0
        if self._sent is not None:
            self._sent = time.perf_counter()
        self._begun.set()

    def end(self) -> tuple[float, int]:
        """The longest wait in seconds, also of a probe that still waits, and the number of probes."""
        self._begun.clear()
        pending = 0.0 if self._sent is None else time.perf_counter() - self._sent
        return max(self._slowest, pending), self._count

    async def close(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        connection: Connection | None = None
        while True:
            await self._begun.wait()
            try:
                if connection is None or not connection.open:
                    connection = await Connection.to(self._port)
                self._sent = time.perf_counter()
                await connection.ask(LIVE)
                self._slowest = max(self._slowest, time.perf_counter() - self._sent)
                self._count += 1
            except (OSError, EOFError):
                connection = None
            finally:
                self._sent = None
            await asyncio.sleep(EVERY_S)
