"""A limit on the requests per second of each client. Not in the chain unless RATE_LIMIT is set."""

import ipaddress
import math
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from service.access import METRICS, is_open
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
        self._full_at: dict[str, float] = {}
        """By client, those first that took a token least recently."""

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
        """Two at a time, so that they go faster than they come."""
        for _ in range(2):
            quietest = next(iter(self._full_at))
            if self._full_at[quietest] > now and len(self._full_at) <= CLIENTS:
                return
            del self._full_at[quietest]


class RateLimit:
    """429 for a client that asks too often. A client is a key, else an address, as `client_of` tells it.

    Health, metrics and the pages' files cost nothing.
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
                    "you ask more often than this service allows: wait as long as Retry-After says",
                    headers={"Retry-After": str(math.ceil(wait))},
                )
                await render(error, scope)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def client_of(scope: Scope, proxies: int) -> str:
    """Whom a request counts for: its key, else its address.

    Behind `proxies` proxies of one's own, each of which adds to X-Forwarded-For the address that it was asked
    from, the client is that many from the right: what stands left of it anyone can write. An IPv6 address
    counts with all of its /64, which is what one household or machine is given.
    """
    if "key" in scope["state"]:
        return f"key {scope['state']['key']}"
    address = scope["client"][0] if scope.get("client") else ""
    if proxies:
        lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        hops = [hop.strip() for hop in b",".join(lines).decode("latin-1").split(",")]
        if len(hops) >= proxies:
            address = hops[-proxies]
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped or ipaddress.ip_network((int(parsed), 64), strict=False))
    return address
