"""Clients in Python: `python -m benchmarks.clients JSON`, a process of its own so that it shares no lock with
what it measures. Plain protocols on the event loop: an HTTP library would be slower than the servers."""

import asyncio
import json
import math
import sys
import time
from functools import partial

import uvloop

from benchmarks.workload import Workload


class Client(asyncio.Protocol):
    """Asks again as soon as it is answered, until the end. `times` are the seconds of each answer."""

    def __init__(self, question: bytes, end: float, over: asyncio.Future[None]) -> None:
        self.times: list[float] = []
        self.failed = 0
        self._question = question
        self._end = end
        self._over = over
        self._asked = 0.0
        self._received = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < length(head):
            return
        self.failed += not head.startswith(b"HTTP/1.1 2")
        now = time.perf_counter()
        self.times.append(now - self._asked)
        if now < self._end:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.failed += time.perf_counter() < self._end
        if not self._over.done():
            self._over.set_result(None)

    def _ask(self) -> None:
        self._received = b""
        self._asked = time.perf_counter()
        self._transport.write(self._question)


def _same(client: Client) -> Client:
    return client


def length(head: bytes) -> int:
    """What the head of an answer says of its body; ValueError where it does not say."""
    name = b"\r\ncontent-length:"
    lower = head.lower()
    return int(lower[lower.index(name) + len(name) :].partition(b"\r\n")[0])


def question(workload: Workload) -> bytes:
    """The workload as bytes of HTTP/1.1."""
    head = (
        f"POST {workload.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: {workload.content_type}\r\nContent-Length: {len(workload.body)}\r\n\r\n"
    )
    return head.encode() + workload.body


def percentile(ordered: list[float], percent: float) -> float:
    """The smallest value that so many percent do not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


async def load(ports: list[int], workload: Workload, clients: int, seconds: float) -> dict[str, float]:
    """What `benchmarks.driver.Load` wants to know."""
    loop = asyncio.get_running_loop()
    begin = time.perf_counter()
    asking: list[Client] = []
    ends: list[asyncio.Future[None]] = []
    for i in range(clients):
        over = loop.create_future()
        client = Client(question(workload), begin + seconds, over)
        await loop.create_connection(partial(_same, client), "127.0.0.1", ports[i % len(ports)])
        asking.append(client)
        ends.append(over)
    await asyncio.gather(*ends)
    took = time.perf_counter() - begin
    times = sorted(time for client in asking for time in client.times)
    return {
        "requests": len(times),
        "seconds": took,
        "p50_ms": percentile(times, 50) * 1000,
        "p99_ms": percentile(times, 99) * 1000,
        "failed": sum(client.failed for client in asking),
    }


def main() -> None:
    given = json.loads(sys.argv[1])
    asked = given["workload"]
    workload = Workload(**asked | {"body": bytes.fromhex(asked["body"])})
    print(json.dumps(uvloop.run(load(given["ports"], workload, given["clients"], given["seconds"]))))


if __name__ == "__main__":
    main()
