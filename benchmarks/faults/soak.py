"""The same mixture of requests for a long time: memory must not grow with their number."""

import asyncio
import statistics
import time
from pathlib import Path

from benchmarks.faults.finding import Figure, Finding
from benchmarks.faults.process import MODELS, serving
from benchmarks.faults.wire import Connection, request

PER = 10_000
MIXTURE = [
    request("GET", "/generate?seed=1&n=16"),
    request("POST", "/generate", b'{"n": 4, "return_scores": true}', "Content-Type: application/json"),
    request("GET", "/generate?n=64&format=npy&seed=2"),
    request("POST", "/generate", b'{"n": -1}', "Content-Type: application/json"),
    request("POST", "/interpolate", b'{"from": 1, "to": 2, "steps": 8, "format": "png"}'),
    request("GET", "/models"),
    request("GET", "/metrics"),
    request("GET", "/nowhere"),
    request("POST", "/score", b"no image", "Content-Type: image/png"),
]
WARM = 0.2
"""The part of the time that does not count: caches and pools fill."""


async def soak(minutes: float, clients: int = 4, models_dir: Path = MODELS) -> Finding:
    """Memory over the number of requests, as a line through what was seen every second."""
    lost: list[str] = []
    answered = 0
    seen: list[tuple[int, float]] = []
    until = time.monotonic() + minutes * 60
    with serving(models_dir) as service:

        async def client(number: int) -> None:
            nonlocal answered
            connection = await Connection.to(service.port)
            while time.monotonic() < until:
                answer = await connection.ask(MIXTURE[(number + answered) % len(MIXTURE)])
                answered += 1
                if answer.status >= 500:
                    lost.append(f"answered {answer.status}: {answer.body[:100]!r}")
                if answered % 50 == 0:  # Connections come and go too.
                    connection.close()
                    connection = await Connection.to(service.port)
            connection.close()

        running = [asyncio.ensure_future(client(number)) for number in range(clients)]
        while time.monotonic() < until:
            await asyncio.sleep(1)
            seen.append((answered, service.rss()))
        await asyncio.gather(*running)
    warm = seen[int(len(seen) * WARM) :]
    slope = statistics.linear_regression(*zip(*warm, strict=True)).slope * PER
    return Finding(
        "soak",
        f"{minutes:g} minutes, {answered:,} requests of {len(MIXTURE)} kinds by {clients} clients",
        lost,
        [Figure(f"memory per {PER:,} requests", slope, 1, " MB", timing=minutes < 10)],
    )
