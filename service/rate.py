"""A limit on the requests per second of each client. Not in the chain unless RATE_LIMIT is set."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from service.access import METRICS, is_open
from service.client_identity import client_of
from service.errors import ServiceError
from service.handlers import render

CLIENTS = 100_000
"""Most clients that are remembered; past it, those that were quiet for longest are forgotten."""


class Buckets:
    """A token bucket for each client, kept as one number: the moment at which it will be full again.

    (The generic cell rate algorithm. A bucket that is full is as good as none, and is forgotten.)
    """

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / per_second
        self._most = burst * self._interval
        self._clock = clock
        # Its first entry is found at once; a dict's is not, once entries before it were deleted.
        self._full_at: OrderedDict[str, float] = OrderedDict()
        """By client; clients that took a token least recently come first."""

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, client: str) -> float:
        """Takes a token, and gives 0; or the seconds until there is one."""
        now = self._clock()
        full_at = max(self._full_at.pop(client, now), now) + self._interval
        wait = full_at - now - self._most
        # Half a nanosecond is what rounding makes of a token that is just there.
        admitted = wait < 5e-10
        self._full_at[client] = full_at if admitted else full_at - self._interval
        self._forget(now)
        return 0.0 if admitted else wait

    def _forget(self, now: float) -> None:
        """Drop up to two clients, so that they go faster than they come."""
        for _ in range(2):
            quietest = next(iter(self._full_at))
            if self._full_at[quietest] > now and len(self._full_at) <= CLIENTS:
                return
            del self._full_at[quietest]


class RateLimit:
    """Refuse requests of a client that exceeds the limit with 429; `client_of` identifies clients.

    Health checks, metrics and the files of pages do not count.
    """

    def __init__(self, app: ASGIApp, buckets: Buckets, proxies: int) -> None:
        self._app = app
        self._buckets = buckets
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not (is_open(scope["path"]) or scope["path"] == METRICS):
            wait = self._buckets.take(client_of(scope, self._proxies))
            if wait:
                error = ServiceError(
                    429,
                    "too-many-requests",
                    "rate limit exceeded: retry after the number of seconds in Retry-After",
                    headers={"Retry-After": str(math.ceil(wait))},
                )
                await render(error, scope)(scope, receive, send)
                return
        await self._app(scope, receive, send)
