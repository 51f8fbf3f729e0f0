"""A bound on something that requests hold for a while, in total and for each client."""

from collections.abc import Iterator
from contextlib import contextmanager


class BudgetExceeded(Exception):
    """There is no room for this much more.

    `by_client` tells whether the client's own share is used up; otherwise the total is.
    """

    def __init__(self, by_client: bool) -> None:
        super().__init__("the client's share is used up" if by_client else "the total is used up")
        self.by_client = by_client


class Budget:
    """At most `total` units held at once, and at most `per_client` by one client."""

    def __init__(self, total: int, per_client: int) -> None:
        self.total = total
        self.per_client = per_client
        self.used = 0
        self._by_client: dict[str, int] = {}

    @contextmanager
    def hold(self, client: str, amount: int) -> Iterator[None]:
        """Hold `amount` units while the block runs; BudgetExceeded if there is no room for them."""
        self.reserve(client, amount)
        try:
            yield
        finally:
            self.release(client, amount)

    def reserve(self, client: str, amount: int) -> None:
        """Take `amount` units until `release`; BudgetExceeded if there is no room for them."""
        held = self._by_client.get(client, 0)
        if held + amount > self.per_client:
            raise BudgetExceeded(by_client=True)
        if self.used + amount > self.total:
            raise BudgetExceeded(by_client=False)
        self.used += amount
        self._by_client[client] = held + amount

    def release(self, client: str, amount: int) -> None:
        """Give back what `reserve` took."""
        self.used -= amount
        left = self._by_client.get(client, 0) - amount
        if left:
            self._by_client[client] = left
        else:
            self._by_client.pop(client, None)
