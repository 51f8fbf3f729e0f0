"""Loads many bundles at once, and does not wait for ever for one that hangs."""

import math
import queue
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from service.engine.refusal import BundleError, late
from service.engine.workers import Workers

Loaded = TypeVar("Loaded")

CHECK_S = 0.5
"""Seconds between looks at which bundles have begun."""


def load_all(
    folders: Sequence[Path], load: Callable[[Path], Loaded], threads: int, timeout_s: float
) -> list[Loaded]:
    """Return `load(folder)` of each folder, in order, run in so many threads.

    Raises the error of the first folder that has one, and BundleError as soon as a folder has taken more than
    `timeout_s` seconds. The thread that loads it then goes on until the process ends.
    """
    ended: queue.SimpleQueue[tuple[Path, Loaded | Exception]] = queue.SimpleQueue()
    begun: dict[Path, float] = {}

    def work(folder: Path) -> None:
        begun[folder] = time.monotonic()
        try:
            ended.put((folder, load(folder)))
        except Exception as error:
            ended.put((folder, error))

    workers = Workers(threads, "load")
    for folder in folders:
        workers.submit(partial(work, folder))
    done: dict[Path, Loaded | Exception] = {}
    try:
        while len(done) < len(folders):
            until = {folder: begun[folder] + timeout_s for folder in list(begun) if folder not in done}
            left = min(until.values(), default=math.inf) - time.monotonic()
            try:
                folder, result = ended.get(timeout=min(max(0.0, left), CHECK_S))
                done[folder] = result
            except queue.Empty:
                if left <= 0:
                    raise BundleError(min(until, key=until.__getitem__), late(timeout_s)) from None
    finally:
        workers.close(0.0)
    loaded: list[Loaded] = []
    for folder in folders:
        result = done[folder]
        if isinstance(result, Exception):
            raise result
        loaded.append(result)
    return loaded
