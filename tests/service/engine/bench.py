"""A batcher to be watched: its network doubles, remembers its batches, and can be held or made to fail."""

import asyncio
import math
import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from service.engine.backlog import Bounds
from service.engine.batcher import Batcher
from service.engine.cost import Cost
from service.engine.pool import Pool
from service.engine.session import Array, Port
from service.engine.statistics import Statistics

INPUTS = {"x": Port("float32", (None, 1))}


class Doubler:
    """A network that doubles; it can be held, or made to fail, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[float]] = []
        self.go = threading.Event()
        self.go.set()
        self.error: Exception | None = None
        self.together = 0
        self.most_together = 0
        self._lock = threading.Lock()

    def run(self, feeds: Mapping[str, Array], limit_s: float = math.inf) -> Array:
        with self._lock:
            self.together += 1
            self.most_together = max(self.most_together, self.together)
            self.batches.append(feeds["x"][:, 0].tolist())
        try:
            assert self.go.wait(10)
            if self.error is not None:
                raise self.error
            output: Array = feeds["x"] * 2
            return output
        finally:
            with self._lock:
                self.together -= 1


class FixedCost(Cost):
    """A cost that no run changes, so that tests do not depend on the machine."""

    def learn(self, rows: int, seconds: float) -> None:
        pass


class Bench:
    """A batcher of a doubler, with its pool."""

    def __init__(
        self,
        *,
        threads: int = 2,
        limit: int = 1024,
        seconds: float = math.inf,
        max_batch: int = 64,
        row_s: float = 0.0,
    ) -> None:
        """`row_s` is the cost of a row by a clock that the network does not move."""
        self.pool = Pool(threads, Bounds(limit, seconds), run_limit_s=10)
        self.network = Doubler()
        self.batcher = self.another(self.network, max_batch, row_s)

    def another(self, network: Doubler, max_batch: int = 64, row_s: float = 0.0) -> Batcher:
        return Batcher(network, self.pool, max_batch=max_batch, inputs=INPUTS, cost=FixedCost(row_s, row_s))

    @property
    def images(self) -> int:
        """Waiting or running."""
        return self.batcher.backlog.images

    @property
    def statistics(self) -> Statistics:
        return self.batcher.statistics

    @property
    def drops(self) -> dict[str, int]:
        """Images that were not delivered, by reason."""
        return {reason: images for reason, images in self.statistics.undelivered.items() if images}

    async def ask(self, *values: float, within: float = 60.0) -> list[float]:
        rows = np.array(values, np.float32)[:, None]
        deadline = time.monotonic() + within
        return [float(value) for value in (await self.batcher.submit({"x": rows}, deadline))[:, 0]]

    def start(self, *values: float, within: float = 60.0) -> asyncio.Task[list[float]]:
        return asyncio.ensure_future(self.ask(*values, within=within))

    async def busy(self) -> list[asyncio.Task[list[float]]]:
        """Occupies every thread with a held run."""
        self.network.go.clear()
        held = []
        for _ in range(self.pool.threads):
            held.append(self.start(*range(64)))
            await until(lambda: self.network.together == len(held))
        return held


async def until(condition: Any) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.001)
