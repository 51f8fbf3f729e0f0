"""Clients that misbehave: that leave, that dawdle, that send too much, and that stay and say nothing."""

import asyncio
import contextlib
import statistics
import time
from pathlib import Path

from benchmarks.faults.finding import Figure, Finding
from benchmarks.faults.process import MODELS, Service, serving
from benchmarks.faults.wire import GENERATE, Connection, compare, request

SLOWDOWN = 1.1
HEAD = b"GET /health/live HTTP/1.1\r\nHost: a\r\nX-Slow: "
BODY = b"POST /generate HTTP/1.1\r\nHost: a\r\nContent-Length: 999\r\n\r\n{"
SLOW = {
    "half a header": (HEAD, 0),
    "half a body": (BODY, 0),
    "a header, 1 B/s": (HEAD, 1),
    "a body, 1 B/s": (BODY, 1),
}
"""What each kind of slow client sends at once, and then every second."""
PROBE_S = 3.0


async def leaving(rounds: int, leavers: int = 14, models_dir: Path = MODELS) -> Finding:
    """Clients that leave as soon as they have asked for 64 images, beside one that stays. Runs are of one
    image, so that most are still queued then."""
    images, lost = 64, []
    many = request("GET", f"/generate?n={images}&seed=7&format=npy")
    with serving(models_dir, MAX_BATCH="1", THREADS="1") as service:
        for number in range(rounds):
            stays = await Connection.to(service.port)
            gone = [await Connection.to(service.port) for _ in range(leavers)]
            staying = asyncio.ensure_future(stays.ask(many))
            for connection in gone:
                connection.writer.write(many)
                connection.close()
            if (await staying).status != 200:
                lost.append(f"round {number}: the one that stayed was not served")
            stays.close()
        asked = rounds * (leavers + 1) * images
        # Some may have been served before their leaving was noticed; every one is counted as this or that.
        ended = await _settled(
            service, "mnist_gan_requests_total", 'route="/generate"', rounds * (leavers + 1)
        )
        served = service.metric("mnist_gan_requests_total", 'route="/generate",status="200"')
        left = service.metric("mnist_gan_failures_total", 'code="client-left"')
        ran = service.metric("mnist_gan_images_total")
        dropped = service.metric("mnist_gan_failed_images_total", 'reason="cancelled"')
        queued = service.metric("mnist_gan_queue_images")
    if (ended, left) != (rounds * (leavers + 1), ended - served):
        lost.append(
            f"of {rounds * (leavers + 1)}, {served:g} were counted as served, {left:g} as client-left"
        )
    if queued:
        lost.append(f"{queued:g} images are in the queue for ever")
    if ran + dropped > asked:
        lost.append(f"{ran:g} ran and {dropped:g} were dropped, of {asked}")
    wasted = (ran - rounds * images) / (asked - rounds * images)
    return Finding(
        "clients that leave",
        f"{rounds * leavers:,} clients left {asked - rounds * images:,} images behind: {dropped:,.0f} were"
        " dropped from the queue, the others never entered it or had run",
        lost,
        [Figure("run for nobody", wasted * 100, 50, " %")],
    )


async def slow(sockets: int, timeout_s: int, rounds: int, models_dir: Path = MODELS) -> Finding:
    """Half a header, half a body, or a byte a second of either: all ended in time, and nobody else slowed."""
    lost: list[str] = []
    ratios = []
    limit = str(timeout_s)
    with (
        serving(models_dir, HEADER_TIMEOUT_S=limit, BODY_TIMEOUT_S=limit) as service,
        serving(models_dir) as control,
    ):
        await compare(service.port, control.port, 1)
        for _ in range(rounds):
            alone = await compare(service.port, control.port, PROBE_S)
            kinds = [list(SLOW)[number % len(SLOW)] for number in range(sockets)]
            connections = [
                asyncio.ensure_future(_dawdle(service.port, kind, timeout_s + 3)) for kind in kinds
            ]
            await asyncio.sleep(0.5)
            ratios.append(await compare(service.port, control.port, min(PROBE_S, timeout_s - 1)) / alone)
            ended = await asyncio.gather(*connections)
            lost += [f"{kind}: {outcome}" for kind, outcome in zip(kinds, ended, strict=True) if outcome]
    return Finding(
        "slow clients",
        f"{rounds} times {sockets} sockets with {', '.join(SLOW)}: 408 or closed after {timeout_s} s",
        lost,
        [Figure("p50 of the others", statistics.median(ratios), SLOWDOWN, " times alone", timing=True)],
    )


async def _dawdle(port: int, kind: str, patience_s: float) -> str:
    """What is wrong with how the service ended this connection; nothing if nothing is."""
    first, more = SLOW[kind]
    connection = await Connection.to(port)
    connection.writer.write(first)

    async def drip() -> None:
        while True:
            await asyncio.sleep(1)
            connection.writer.write(b"x" * more)

    dripping = asyncio.ensure_future(drip())
    try:
        async with asyncio.timeout(patience_s):
            answer = await connection.reader.read()
    except TimeoutError:
        return f"still open after {patience_s:g} s"
    except ConnectionError:
        return ""
    finally:
        dripping.cancel()
        connection.close()
    return "" if answer[:13] in (b"", b"HTTP/1.1 408 ") else f"answered {answer[:40]!r}"


async def large_headers(times: int, models_dir: Path = MODELS) -> Finding:
    """A header of 200 kB is 431."""
    lost = []
    with serving(models_dir) as service:
        for _ in range(times):
            connection = await Connection.to(service.port)
            answer = await connection.ask(request("GET", "/health/live", b"", "X-Large: " + "x" * 200_000))
            if answer.status != 431:
                lost.append(f"answered {answer.status}")
            connection.close()
    return Finding("headers of 200 kB", f"{times:,} times: 431", lost)


async def pipelined(requests: int, models_dir: Path = MODELS) -> Finding:
    """Many requests in one piece are answered in their order."""
    lost = []
    with serving(models_dir) as service:
        connection = await Connection.to(service.port)
        start = time.perf_counter()
        connection.writer.write(
            b"".join(request("GET", f"/generate?seed={seed}&format=npy") for seed in range(requests))
        )
        for seed in range(requests):
            answer = await connection.answer(start)
            if (answer.status, answer.headers.get("x-seed")) != (200, str(seed)):
                lost.append(f"request {seed}: {answer.status}, seed {answer.headers.get('x-seed')}")
        connection.close()
    return Finding("pipelining", f"{requests:,} requests in one piece, answered in order", lost)


async def idle(connections: int, rounds: int, models_dir: Path = MODELS) -> Finding:
    """Connections that are kept and say nothing cost little, and still work when they speak."""
    lost: list[str] = []
    ratios = []
    with serving(models_dir, KEEP_ALIVE_S="600") as service, serving(models_dir) as control:
        await compare(service.port, control.port, 1)
        before = service.rss()
        held: list[Connection] = []
        for _ in range(rounds):
            alone = await compare(service.port, control.port, PROBE_S)
            held = [await Connection.to(service.port) for _ in range(connections)]
            lost += await _all_answered(held)
            ratios.append(await compare(service.port, control.port, PROBE_S) / alone)
            lost += await _all_answered(held)
            grown = service.rss() - before
            for connection in held:
                connection.close()
            await asyncio.sleep(0.5)
    return Finding(
        "idle keep-alives",
        f"{rounds} times {connections:,} connections, each asked before and after",
        lost,
        [
            Figure("p50 of the others", statistics.median(ratios), SLOWDOWN, " times alone", timing=True),
            Figure("memory", grown, 50, " MB"),
        ],
    )


async def _all_answered(connections: list[Connection]) -> list[str]:
    lost = []
    for connection in connections:
        with contextlib.suppress(OSError, EOFError):
            if (await connection.ask(GENERATE)).status == 200:
                continue
        lost.append("a kept connection was not answered")
    return lost


async def _settled(service: Service, name: str, labels: str, wanted: float) -> float:
    """The metric once it has this value, or after two seconds."""
    until = time.monotonic() + 2
    while (value := service.metric(name, labels)) != wanted and time.monotonic() < until:
        await asyncio.sleep(0.05)
    return value
