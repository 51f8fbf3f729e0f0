"""A bound on the bytes of all answers that wait for their readers."""

from collections import OrderedDict
from typing import Protocol


class Waiting(Protocol):
    """An answer that has not left."""

    @property
    def unsent(self) -> int:
        """Bytes that wait to be sent."""

    def give_up(self) -> None:
        """Cut the connection."""


class Unsent:
    """The answers that wait, oldest first: the readers that take longest are cut when there is too much."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._waiting: OrderedDict[Waiting, None] = OrderedDict()

    def add(self, one: Waiting) -> None:
        """Count an answer until `discard`, and cut the oldest ones while there is too much."""
        self._waiting[one] = None
        total = sum(waiting.unsent for waiting in self._waiting)
        while total > self._most_bytes and self._waiting:
            oldest, _ = self._waiting.popitem(last=False)
            total -= oldest.unsent
            if oldest.unsent:
                oldest.give_up()

    def discard(self, one: Waiting) -> None:
        """Count the answer no longer."""
        self._waiting.pop(one, None)
