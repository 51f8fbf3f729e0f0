"""The rows that wait or run for one network, and the bounds on them.

Each network has its own bounds, so that a slow model with many callers never fills the queue of another one.
"""

import math
from dataclasses import dataclass

from service.engine.cost import Cost
from service.errors import ServiceError


@dataclass(frozen=True)
class Bounds:
    """The most that may wait or run for one network."""

    images: int
    """QUEUE_IMAGES."""
    seconds: float = math.inf
    """QUEUE_S, in seconds of measured work."""


class Backlog:
    """Counts the images waiting or running for one network: at most `bounds`, except that an empty queue
    admits any request of up to `bounds.images`, whatever it costs."""

    def __init__(self, bounds: Bounds, cost: Cost) -> None:
        self.bounds = bounds
        self.images = 0
        self._cost = cost

    @property
    def seconds(self) -> float:
        """The measured work of these images, in seconds."""
        return self._cost.queue_s(self.images)

    @property
    def fill(self) -> float:
        """The share of the bounds that is used, 0 to 1; above 1 for one expensive request."""
        return max(self.images / self.bounds.images, self.seconds / self.bounds.seconds)

    def check(self, images: int) -> None:
        """Raise ServiceError 503 `queue-full` if the bounds leave no room for `images` more now, and 422
        `more-than-queue` if they never do."""
        most = self.bounds.images
        if images > most:
            raise ServiceError(
                422, "more-than-queue", f"{images} images exceed the queue's {most}: send fewer at once"
            )
        total = self.images + images
        if self.images and (total > most or self._cost.queue_s(total) > self.bounds.seconds):
            raise ServiceError(
                503,
                "queue-full",
                f"{self.images} images are waiting for this network: retry after the Retry-After interval",
                headers={"Retry-After": str(max(1, math.ceil(self.seconds)))},
            )

    def admit(self, images: int) -> None:
        """Count images that `check` has just allowed."""
        self.images += images

    def release(self, images: int) -> None:
        """Forget images that were run or dropped."""
        self.images -= images
