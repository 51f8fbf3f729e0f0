"""Daemon threads that run calls, for work that may never return.

The interpreter waits for every thread of a ThreadPoolExecutor when it exits, so a call that is stuck in
onnxruntime would keep the process alive for ever.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable

Call = Callable[[], None]


class Worker(threading.Thread):
    """A thread of `Workers`."""

    def __init__(self, name: str, calls: queue.SimpleQueue[Call | None]) -> None:
        super().__init__(name=name, daemon=True)
        self._calls = calls

    def run(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            del call  # It may hold a model that was replaced, while this thread waits for the next call.


class Workers:
    """Runs calls in up to `count` threads, which start when they are needed. Calls must not raise."""

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._threads: list[Worker] = []
        self._closed = False

    def submit(self, call: Call) -> None:
        """Run `call` in one of the threads; dropped after `close`."""
        if self._closed:
            return
        if len(self._threads) < self._count:
            self._threads.append(Worker(f"{self._name}-{len(self._threads)}", self._calls))
            self._threads[-1].start()
        self._calls.put(call)

    def close(self, seconds: float) -> None:
        """Drop the calls that have not begun, and wait up to `seconds` for those that have."""
        self._closed = True
        with contextlib.suppress(queue.Empty):
            while True:
                self._calls.get_nowait()
        for _ in self._threads:
            self._calls.put(None)
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))


def any_alive() -> bool:
    """True while any thread of any `Workers` runs; after their `close`, those are stuck."""
    return any(isinstance(thread, Worker) for thread in threading.enumerate())
