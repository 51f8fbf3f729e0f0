"""The runs of all networks that are going on, and the watchdog that ends those that take too long.

A graph may loop for a number of steps that depends on its input, so no test of a bundle bounds every run.
onnxruntime looks at a run's terminate flag before each node, also inside a loop; a single node that never
ends cannot be stopped this way.
"""

import math
import threading
from typing import Protocol

PERIOD_S = 0.25


class Options(Protocol):
    """The part of onnxruntime.RunOptions that ends a run."""

    terminate: bool


class Run:
    """One run that is going on. `left` is the number of the watchdog's rounds that it may still see."""

    __slots__ = ("left", "options")

    def __init__(self, options: Options, left: float) -> None:
        self.options = options
        self.left = left


class Runs:
    """Keeps every run that is going on. Safe to use from any thread.

    Limits are counted in the watchdog's own rounds instead of read from a clock, so that a process that was
    stopped for a while does not end its runs.
    """

    def __init__(self, limit_s: float = math.inf) -> None:
        """`limit_s` holds for runs that begin without a limit of their own."""
        self._limit_s = limit_s
        self._going_on: set[Run] = set()
        self._closed = threading.Event()

    def watch(self) -> None:
        """Start the watchdog."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def begin(self, options: Options, limit_s: float | None = None) -> Run:
        """Register a run, to be ended after `limit_s` seconds and at most two rounds more."""
        run = Run(options, (self._limit_s if limit_s is None else limit_s) / PERIOD_S + 1)
        self._going_on.add(run)
        if self._closed.is_set():
            options.terminate = True
        return run

    def end(self, run: Run) -> None:
        """Forget a run that returned."""
        self._going_on.discard(run)

    def close(self) -> None:
        """End every run, those that begin later, and the watchdog."""
        self._closed.set()
        for run in list(self._going_on):
            run.options.terminate = True

    def round(self) -> None:
        """Count one round of the watchdog."""
        for run in list(self._going_on):
            run.left -= 1
            if run.left < 0:
                run.options.terminate = True

    def _watch(self) -> None:
        while not self._closed.wait(PERIOD_S):
            self.round()
