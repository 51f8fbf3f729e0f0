"""What one caller asked of a network, and the parts of it that go into runs."""

import asyncio
import time
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from service.engine.session import Array
from service.errors import ServiceError


class Job:
    """One call of `submit`: rows [0, size) of which [0, taken) have gone into runs and `done` came back."""

    __slots__ = ("arrived", "deadline", "done", "feeds", "future", "out", "size", "taken", "timer")

    def __init__(
        self, feeds: Mapping[str, Array], size: int, deadline: float, future: asyncio.Future[Array]
    ) -> None:
        self.arrived = time.perf_counter_ns()
        self.feeds = feeds
        self.size = size
        self.deadline = deadline
        self.future = future
        self.taken = 0
        self.done = 0
        self.out: Array | None = None
        self.timer: asyncio.TimerHandle | None = None

    def fail(self, error: ServiceError) -> None:
        """For good, unless the caller has its answer already, or left."""
        if not self.future.done():
            self.future.set_exception(error)

    def expire(self) -> None:
        self.fail(ServiceError(504, "deadline", "the deadline passed before the images were ready"))


class Slice(NamedTuple):
    """Rows [start, stop) of a job, in a run."""

    job: Job
    start: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start

    def rows(self, name: str) -> Array:
        """Of the input of that name."""
        return self.job.feeds[name][self.start : self.stop]

    def deliver(self, output: Array) -> None:
        """Hands the job these rows of its output; the caller has it when all of them came."""
        job = self.job
        if job.future.done():
            return
        if len(output) == job.size:
            job.future.set_result(output)
            return
        if job.out is None:
            job.out = np.empty((job.size, *output.shape[1:]), output.dtype)
        job.out[self.start : self.stop] = output
        job.done += len(output)
        if job.done == job.size:
            job.future.set_result(job.out)


def gather(slices: list[Slice], name: str) -> Array:
    """The rows of one input of a whole run."""
    if len(slices) == 1:
        return slices[0].rows(name)
    return np.concatenate([part.rows(name) for part in slices])


def failure() -> ServiceError:
    """What the callers of a run hear that did not succeed."""
    return ServiceError(500, "inference-failed", "the model failed on this input")
