"""A queue that takes turns among clients. Pure: no clock, no threads, no I/O."""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Waiting items by client: each `pop` serves the client that has waited longest since its last turn."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[Item]] = OrderedDict()

    def push(self, client: str, item: Item) -> None:
        """Add an item behind the other items of its client."""
        self._waiting.setdefault(client, deque()).append(item)

    def pop(self, may_run: Callable[[str], bool]) -> tuple[str, Item] | None:
        """Remove and return the next item of the first client that `may_run`, with its client; else None."""
        for client, items in self._waiting.items():
            if may_run(client):
                item = items.popleft()
                if items:
                    self._waiting.move_to_end(client)
                else:
                    del self._waiting[client]
                return client, item
        return None

    def remove(self, client: str, item: Item) -> None:
        """Remove an item that need not be served any more; nothing happens if it is gone already."""
        items = self._waiting.get(client)
        if items is not None and item in items:
            items.remove(item)
            if not items:
                del self._waiting[client]
