"""The other clients of a service under attack: ordinary requests at a fixed rate, from many addresses."""

import asyncio
import time
from dataclasses import dataclass, field

from benchmarks.faults.containers import JSON, png
from benchmarks.faults.wire import Connection, percentile, request

RATE_PER_S = 40
SOURCES = [f"127.0.1.{number}" for number in range(1, 17)]
"""Enough clients to keep each of them far below the rate limit that some attacks set."""
TIMEOUT_S = 10.0
PICTURE = png()
LARGE = request("GET", "/generate?n=64&scale=8&seed=1")
LARGE_TIMEOUT_S = 30.0
EVERY = 10
"""One request in so many is a POST of JSON, and one is an upload; the others are GET."""


@dataclass
class Others:
    """Counts the requests sent, the seconds until each answer 200, and the other outcomes in `failed`."""

    sent: int = 0
    seconds: list[float] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Answered with 200, in percent."""
        return 100 * len(self.seconds) / max(1, self.sent)

    @property
    def p99_ms(self) -> float:
        """A request without an answer 200 counts as the timeout."""
        lost = [TIMEOUT_S] * (self.sent - len(self.seconds))
        return 1000 * percentile(self.seconds + lost, 99) if self.sent else 0.0


async def measure(port: int, seconds: float) -> Others:
    """Send for so many seconds, whether earlier requests are answered or not, and wait for the answers."""
    others = Others()
    idle: dict[str, list[Connection]] = {source: [] for source in SOURCES}
    tasks = []
    start = time.monotonic()
    while (now := time.monotonic() - start) < seconds:
        while others.sent < now * RATE_PER_S:
            source = SOURCES[others.sent % len(SOURCES)]
            tasks.append(asyncio.create_task(_once(port, source, others, idle[source])))
            others.sent += 1
        await asyncio.sleep(0.002)
    await asyncio.gather(*tasks)
    for connection in (one for held in idle.values() for one in held):
        connection.close()
    return others


async def slowest_large(port: int, seconds: float) -> float:
    """The longest that a picture of 64 images took, in seconds, of those requested one after the other."""
    slowest, until = 0.0, time.monotonic() + seconds
    while time.monotonic() < until:
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(LARGE_TIMEOUT_S):
                connection = await Connection.to(port, SOURCES[0])
                await connection.ask(LARGE)
                connection.close()
        except (OSError, EOFError):
            return LARGE_TIMEOUT_S
        slowest = max(slowest, time.perf_counter() - begun)
        await asyncio.sleep(0.5)
    return slowest


async def _once(port: int, source: str, others: Others, idle: list[Connection]) -> None:
    number = others.sent
    begun = time.perf_counter()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            connection = idle.pop() if idle else await Connection.to(port, source)
            try:
                answer = await connection.ask(_request(number, source))
            except BaseException:
                connection.close()
                raise
        if connection.open:
            idle.append(connection)
        outcome = str(answer.status)
    except (OSError, EOFError) as error:
        outcome = type(error).__name__
    if outcome == "200":
        others.seconds.append(time.perf_counter() - begun)
    else:
        others.failed[outcome] = others.failed.get(outcome, 0) + 1


def _request(number: int, source: str) -> bytes:
    # A proxy would add it; without TRUSTED_PROXIES it has no effect.
    client = f"X-Forwarded-For: {source}"
    if number % EVERY == 0:
        return request("POST", "/score", PICTURE, "Content-Type: image/png", client)
    if number % EVERY == 1:
        return request("POST", "/generate", b'{"labels": 7, "seed": %d}' % number, JSON, client)
    return request("GET", f"/generate?labels=7&seed={number}", b"", client)
