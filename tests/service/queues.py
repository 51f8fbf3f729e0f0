"""Queues that are full, as far as the networks can tell."""

from collections.abc import Iterator
from contextlib import contextmanager

from service.engine.batcher import Batcher


@contextmanager
def holding(network: Batcher, images: int | None = None) -> Iterator[None]:
    """Have so many images wait for the network while the block runs; as many as there may be if None."""
    count = network.backlog.bounds.images if images is None else images
    network.backlog.admit(count)
    try:
        yield
    finally:
        network.backlog.release(count)
