"""What a network has done since it was loaded, counted as Triton does: requests, inferences (images) and
executions (runs) apart. Written on the event loop only, and read there."""

import time
from bisect import bisect_left
from dataclasses import dataclass, field

QUEUE_S = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
RUN_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)


@dataclass(slots=True)
class Tally:
    """How often, and for how many nanoseconds altogether."""

    count: int = 0
    ns: int = 0

    def add(self, ns: int) -> None:
        self.count += 1
        self.ns += ns


class Histogram:
    """A tally that knows how often it took how long.

    Plain integers, since it is written with every request: prometheus_client's own histogram takes a lock and
    walks its buckets each time.
    """

    __slots__ = ("_bounds_ns", "bounds_s", "counts", "ns")

    def __init__(self, bounds_s: tuple[float, ...]) -> None:
        self.bounds_s = bounds_s
        self.counts = [0] * (len(bounds_s) + 1)
        """How many took at most each bound, and more than the one before it; last, more than any."""
        self.ns = 0
        self._bounds_ns = [round(bound * 1e9) for bound in bounds_s]

    def add(self, ns: int) -> None:
        self.counts[bisect_left(self._bounds_ns, ns)] += 1
        self.ns += ns

    def merge(self, other: "Histogram") -> None:
        """Adds what another one with the same bounds counted."""
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        self.ns += other.ns

    @property
    def count(self) -> int:
        return sum(self.counts)


@dataclass(slots=True)
class Statistics:
    """Of one network of one version of a model."""

    success: Tally = field(default_factory=Tally)
    """Requests answered, from their arrival at the queue to their result."""
    fail: Tally = field(default_factory=Tally)
    """Requests refused, too late, cancelled or failed."""
    queue: Histogram = field(default_factory=lambda: Histogram(QUEUE_S))
    """Requests that came to run, from their arrival to their first run."""
    compute_ns: int = 0
    """Of the runs that answered requests: a run that serves three requests counts for each of them."""
    runs: Histogram = field(default_factory=lambda: Histogram(RUN_S))
    """Executions that succeeded."""
    batches: dict[int, Tally] = field(default_factory=dict)
    """The same by their size in images."""
    undelivered: dict[str, int] = field(
        default_factory=lambda: {"cancelled": 0, "deadline": 0, "inference-failed": 0}
    )
    """Images that were admitted and never delivered, by what became of their request."""
    last_ms: int = 0
    """When the last run ended, in milliseconds since 1970; 0 for never."""

    def ran(self, requests: int, images: int, seconds: float) -> None:
        ns = int(seconds * 1e9)
        self.compute_ns += requests * ns
        self.runs.add(ns)
        tally = self.batches.get(images)
        if tally is None:
            tally = self.batches[images] = Tally()
        tally.add(ns)
        self.last_ms = time.time_ns() // 1_000_000

    @property
    def inferences(self) -> int:
        return sum(size * tally.count for size, tally in self.batches.items())
