"""Looking for the next request for a moment before going to sleep.

A client on the same machine that waits for each answer asks again at once. A process that has gone to sleep
by then has to be woken, and finds its processor's caches cold (docs/performance.md says what that costs).
Linux does the same for sockets (net.core.busy_poll) and for virtual processors (haltpoll).
"""

import asyncio
import time


class BusyPoll:
    """Keeps an event loop turning for `seconds` after each `begin`; then it sleeps as ever."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = 0.0
        self._turning = False

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """To be called when the loop may soon have something to do."""
        self._until = time.perf_counter() + self._seconds
        if not self._turning:
            self._turning = True
            loop.call_soon(self._turn, loop)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        # Each turn of the loop asks the system what has arrived, and does not wait while this is scheduled.
        self._turning = time.perf_counter() < self._until
        if self._turning:
            loop.call_soon(self._turn, loop)
