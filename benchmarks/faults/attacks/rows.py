"""The attacks in order: the settings of each, and what is measured of the service in addition to the rest."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.faults.attacks import bodies, bundles, connection, logs, pictures, queue
from benchmarks.faults.attacks.attacker import SOURCE, Attack
from benchmarks.faults.finding import Figure
from benchmarks.faults.process import Service
from benchmarks.faults.usage import connections_from, cpu_s
from benchmarks.faults.wire import Connection

WRITE_TIMEOUT_S = PROOF_TIMEOUT_S = 5
TIMES = 20
LOG_KB = 20
HELD_S = 50

Measurement = Callable[[Service], Awaitable[Sequence[Figure]]]


@dataclass(frozen=True)
class Row:
    """One attack. Several share a number where an attack has variants."""

    number: int
    name: str
    attack: Attack
    environment: dict[str, str] = field(default_factory=dict)
    """Settings other than the defaults."""
    figures: Measurement | None = None
    """Taken when the attack has stopped and its connections are still open."""
    large: bool = False
    """Also measure a client that asks for large pictures, which must not wait for the attacker's."""
    least_s: float = 0.0
    """Seconds that the attack needs to do its harm, however short the drill is."""
    stdout: str = "file"
    """Destination of the access log: "file", "unread", "broken", "closed" or "full"."""

    @property
    def title(self) -> str:
        return f"attack {self.number}: {self.name}"


def cpu_per_request(data: bytes, limit_ms: float) -> Measurement:
    """The processor time of one request, as the mean of some in sequence."""

    async def measure(service: Service) -> list[Figure]:
        before = cpu_s(service.process.pid)
        for _ in range(TIMES):
            asking = await Connection.to(service.port)
            await asking.ask(data)
            asking.close()
        spent = (cpu_s(service.process.pid) - before) / TIMES
        return [Figure("CPU per request", 1000 * spent, limit_ms, " ms")]

    return measure


async def held_connections(service: Service) -> list[Figure]:
    """Wait for the deadline of each connection, which begins when the kernel's buffer for it is full."""
    until = time.monotonic() + HELD_S
    while (held := connections_from(SOURCE, service.port)) and time.monotonic() < until:
        await asyncio.sleep(0.5)
    return [Figure("connections still held", held, 0)]


async def log_size(service: Service) -> list[Figure]:
    return [Figure("standard error", len(service.log()) / 1000, LOG_KB, " kB")]


async def lost_lines(service: Service) -> list[Figure]:
    lost = service.metric("mnist_gan_log_lines_lost_total")
    return [*await log_size(service), Figure("lost lines in /metrics", lost, 1, least=True)]


QUERY_CPU = cpu_per_request(connection.many_names("/generate"), 20)
SCRAPE_CPU = cpu_per_request(connection.SCRAPE, 1)
PROXIED = {"TRUSTED_PROXIES": "1", "RATE_LIMIT": "5"}

SMALL_BUFFER = {"LOG_BUFFER_BYTES": "65536"}

ROWS: Sequence[Row] = (
    Row(1, "trailers", connection.trailers),
    Row(1, "forwarded-trailers", connection.forwarded_trailers, PROXIED),
    Row(2, "queries", connection.queries, figures=QUERY_CPU),
    Row(3, "bitmaps", pictures.bitmaps, {"RATE_LIMIT": "5"}, least_s=10),
    Row(4, "scans", pictures.scans, large=True),
    Row(
        5,
        "unread",
        connection.unread,
        # A connection whose answers the kernel holds is idle.
        {"WRITE_TIMEOUT_S": str(WRITE_TIMEOUT_S), "KEEP_ALIVE_S": str(WRITE_TIMEOUT_S)},
        held_connections,
        least_s=WRITE_TIMEOUT_S,
    ),
    Row(6, "animations", queue.animations, large=True, least_s=10),
    Row(7, "profiles", pictures.profiles),
    Row(7, "empty-images", bodies.empty_images),
    Row(7, "boundaries", bodies.boundaries),
    Row(7, "bitmap-form", pictures.bitmap_form),
    Row(8, "unread-log", logs.requests, SMALL_BUFFER, lost_lines, stdout="unread"),
    Row(8, "broken-log", logs.requests, figures=lost_lines, stdout="broken"),
    Row(8, "closed-log", logs.requests, figures=log_size, stdout="closed"),
    Row(8, "full-log", logs.requests, figures=lost_lines, stdout="full"),
    Row(9, "upgrades", connection.upgrades),
    Row(10, "shapes", bodies.shapes),
    Row(11, "scrapes", connection.scrapes, figures=SCRAPE_CPU),
    Row(12, "endless-bundle", bundles.endless_bundle, {"PROOF_TIMEOUT_S": str(PROOF_TIMEOUT_S)}, least_s=16),
    Row(13, "warnings", pictures.warnings, figures=log_size),
    Row(14, "costly-models", queue.costly_models),
)


def chosen(names: Sequence[str]) -> list[Row]:
    """The rows of these names or numbers, all for none. ValueError for what names no row."""
    known = {row.name for row in ROWS} | {str(row.number) for row in ROWS}
    if unknown := sorted(set(names) - known):
        raise ValueError(
            f"no such attack: {', '.join(unknown)} (1 to 14, or {', '.join(r.name for r in ROWS)})"
        )
    return [row for row in ROWS if not names or {row.name, str(row.number)} & set(names)]
