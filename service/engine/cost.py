"""The measured cost of a network, which bounds its queue and the length of its runs.

Models differ by a factor of a hundred per image, so a bound in images alone says nothing about the wait.
"""

import time
from collections.abc import Callable

MEMORY_ROWS = 512
"""A run of n rows moves the estimate by n / MEMORY_ROWS of the difference, and by a sixteenth at most."""
STEP_MAX = 1 / 16
ROWS_MAX = 1_000_000
"""Stands for "no limit" where a row costs nothing measurable."""


class Cost:
    """Estimates the seconds of a run as `first_s` for one row plus `row_s` for each further row.

    `clock` measures a run from within its thread. CPU time is the default, because other threads that share
    the processor do not change it; a GPU needs time.perf_counter.
    """

    def __init__(
        self, first_s: float = 0.0, row_s: float = 0.0, clock: Callable[[], float] = time.thread_time
    ) -> None:
        self.first_s = first_s
        self.row_s = min(first_s, row_s)
        self.clock = clock

    def run_s(self, rows: int) -> float:
        """The estimated seconds of one run of `rows` rows."""
        return self.first_s + (rows - 1) * self.row_s

    def queue_s(self, rows: int) -> float:
        """The estimated seconds of `rows` rows that run in batches."""
        return rows * self.row_s

    def rows_within(self, seconds: float) -> int:
        """The rows whose share of a run is `seconds`, at least one; `first_s` is paid by every run anyway."""
        return 1 + int(seconds / self.row_s) if self.row_s > seconds / ROWS_MAX else ROWS_MAX

    def learn(self, rows: int, seconds: float) -> None:
        """Moves the estimates towards a measured run. One row measures `first_s`, several measure `row_s`."""
        if rows == 1:
            self.first_s += (seconds - self.first_s) * STEP_MAX
        else:
            measured = max(0.0, (seconds - self.first_s) / (rows - 1))
            self.row_s += (measured - self.row_s) * min(rows / MEMORY_ROWS, STEP_MAX)
        # A row in a batch never costs more than a row alone; this also corrects an estimate that is too high.
        self.row_s = min(self.row_s, self.first_s)
