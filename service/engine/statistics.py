"""What a network has done since it was loaded, counted as Triton does: requests, inferences (images) and
executions (runs) apart. Written on the event loop only."""

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """How often, and for how many nanoseconds altogether."""

    count: int = 0
    ns: int = 0

    def add(self, ns: int) -> None:
        self.count += 1
        self.ns += ns


@dataclass(slots=True)
class Statistics:
    """Of one network of one version of a model."""

    success: Tally = field(default_factory=Tally)
    """Requests answered, from their arrival at the queue to their result."""
    fail: Tally = field(default_factory=Tally)
    """Requests refused, too late, cancelled or failed."""
    queue: Tally = field(default_factory=Tally)
    """Requests that came to run, from their arrival to their first run."""
    compute_ns: int = 0
    """Of the runs that answered requests: a run that serves three requests counts for each of them."""
    batches: dict[int, Tally] = field(default_factory=dict)
    """Executions by their size in images."""
    last_ms: int = 0
    """When the last run ended, in milliseconds since 1970; 0 for never."""

    def ran(self, requests: int, images: int, seconds: float) -> None:
        ns = int(seconds * 1e9)
        self.compute_ns += requests * ns
        tally = self.batches.get(images)
        if tally is None:
            tally = self.batches[images] = Tally()
        tally.add(ns)
        self.last_ms = time.time_ns() // 1_000_000

    @property
    def inferences(self) -> int:
        return sum(size * tally.count for size, tally in self.batches.items())

    @property
    def executions(self) -> int:
        return sum(tally.count for tally in self.batches.values())
