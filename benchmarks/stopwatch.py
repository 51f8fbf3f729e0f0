"""Times functions in turn, next to a fixed numpy kernel that says how fast the machine is at the moment."""

import statistics
import threading
import time
from collections.abc import Callable, Mapping

import numpy as np

Work = Callable[[], object]


def kernel() -> object:
    """A product of two 256x256 matrices: about 0.3 ms of pure arithmetic."""
    return _MATRIX @ _MATRIX


_MATRIX = np.random.default_rng(0).standard_normal((256, 256), dtype=np.float32)


def interleaved(
    works: Mapping[str, Work], rounds: int, seconds: float, threads: int = 1
) -> tuple[dict[str, list[float]], list[float]]:
    """Calls per second of each, a figure a round, and those of the kernel in the same rounds."""
    found: dict[str, list[float]] = {name: [] for name in works}
    calibration = []
    for _ in range(rounds):
        calibration.append(rate(kernel, seconds))
        for name, work in works.items():
            found[name].append(rate(work, seconds, threads))
    return found, calibration


def rate(work: Work, seconds: float, threads: int = 1) -> float:
    """Calls per second, after one that is not counted."""
    work()
    calls = [0] * threads
    begin = time.perf_counter()

    def repeat(i: int) -> None:
        while calls[i] == 0 or time.perf_counter() - begin < seconds:
            work()
            calls[i] += 1

    running = [threading.Thread(target=repeat, args=(i,)) for i in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sum(calls) / (time.perf_counter() - begin)


def median(values: list[float]) -> float:
    return statistics.median(values)
