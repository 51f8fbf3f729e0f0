"""What replicas behind nginx give and what they lose, on a real Docker engine.

    docker-compose build && python -m benchmarks replicas

One replica against two under the same load; kill -9 of one; a rolling restart. Every answer is compared with
the bytes that the replicas gave for this seed before. Needs root on the engine's machine, for kill -9.
"""

import argparse
import asyncio
import contextlib
import hashlib
import itertools
import json
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import httpx

from benchmarks.stack import Stack

SEEDS = range(64)
PAUSE_S = 0.05
"""Between a client's requests while replicas are killed and replaced: health checks need their turn too."""
IMAGES = 16
# Asked in a replica of itself: the digest of a grid for each seed.
DIGESTS = f"""
import hashlib, json, urllib.request
ask = lambda seed: urllib.request.urlopen(f"http://127.0.0.1:8000/generate?n={IMAGES}&seed={{seed}}").read()
print(json.dumps([hashlib.sha256(ask(seed)).hexdigest() for seed in range({len(SEEDS)})]))
"""
ANSWERED = """
import re, urllib.request
text = urllib.request.urlopen("http://127.0.0.1:8000/metrics").read().decode()
counts = re.findall(r'^mnist_gan_requests_total{.*route="/generate".*} (.*)$', text, re.M)
print(sum(map(float, counts)))
"""


@dataclass
class Asked:
    """One request."""

    method: str
    begun: float
    ended: float = float("inf")
    right: bool = False
    """200, with the bytes of its seed."""
    different: bool = False
    """200, with other bytes."""


@dataclass
class Load:
    """Clients that each send one request after the other, GET and POST in turn."""

    url: str
    digests: Sequence[str]
    clients: int
    pause: float = 0.0
    """Seconds that a client waits after each answer."""
    log: list[Asked] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        limits = httpx.Limits(max_connections=self.clients, max_keepalive_connections=self.clients)
        async with httpx.AsyncClient(base_url=self.url, limits=limits, timeout=30) as http:
            tasks = [asyncio.create_task(self._client(http, number, stop)) for number in range(self.clients)]
            try:
                yield
            finally:
                stop.set()
                await asyncio.gather(*tasks)

    async def _client(self, http: httpx.AsyncClient, number: int, stop: asyncio.Event) -> None:
        for turn in itertools.count(number):
            if stop.is_set():
                return
            seed = turn * 7 % len(SEEDS)
            asked = Asked("GET" if turn % 2 else "POST", time.monotonic())
            self.log.append(asked)
            wanted = {"n": IMAGES, "seed": seed}
            try:
                if asked.method == "GET":
                    answer = await http.get("/generate", params=wanted)
                else:
                    answer = await http.post("/generate", json={**wanted, "format": "png"})
                same = hashlib.sha256(answer.content).hexdigest() == self.digests[seed]
                asked.right = answer.status_code == 200 and same
                asked.different = answer.status_code == 200 and not same
            except httpx.TransportError:
                pass
            asked.ended = time.monotonic()
            await asyncio.sleep(self.pause)


def row(name: str, log: Sequence[Asked], more: str = "") -> str:
    lost = [asked for asked in log if not asked.right]
    gets = sum(asked.method == "GET" for asked in lost)
    slowest = max(asked.ended - asked.begun for asked in log)
    different = sum(asked.different for asked in log)
    return f"| {name} | {len(log)} | {gets} | {len(lost) - gets} | {different} | {slowest:.2f} | {more} |"


async def throughput(stack: Stack, load: Load, seconds: float) -> float:
    """Right answers per second."""
    load.log.clear()
    begun = time.monotonic()
    async with load.running():
        await asyncio.sleep(seconds)
    return sum(asked.right for asked in load.log) / (time.monotonic() - begun)


async def one_against_two(stack: Stack, load: Load, seconds: float, rounds: int) -> str:
    """Interleaved, since the machine has other things to do as well."""
    ratios = []
    shares: list[float] = []
    for _ in range(rounds):
        await asyncio.to_thread(stack.scale, 1)
        one = await throughput(stack, load, seconds)
        await asyncio.to_thread(stack.scale, 2)
        before = [float(stack.run_inside(each, ANSWERED)) for each in stack.replicas()]
        ratios.append(await throughput(stack, load, seconds) / one)
        after = [float(stack.run_inside(each, ANSWERED)) for each in stack.replicas()]
        served = [end - start for start, end in zip(before, after, strict=True)]
        shares.append(max(served) / sum(served))
    return (
        f"two replicas answer {statistics.median(ratios):.2f} times as many requests as one"
        f" ({min(ratios):.2f} to {max(ratios):.2f}); the busier one answers {statistics.median(shares):.0%}"
    )


async def killed(stack: Stack, load: Load, seconds: float) -> str:
    load.log.clear()
    victim = stack.replicas()[0]
    async with load.running():
        await asyncio.sleep(seconds)
        stack.kill(victim)
        at = time.monotonic()
        await asyncio.sleep(1)  # until the engine has noticed: its health was good a moment ago
        await asyncio.to_thread(stack.wait_until_healthy, victim)
        back = time.monotonic() - at
        await asyncio.sleep(seconds)
    under_way = sum(asked.begun <= at < asked.ended for asked in load.log)
    later = sum(not asked.right and asked.begun > at for asked in load.log)
    more = f"{under_way} under way; {later} lost of those asked later; back after {back:.0f} s"
    return row("kill -9 of one of two", load.log, more)


async def rolled(stack: Stack, load: Load, seconds: float) -> str:
    load.log.clear()
    begun = time.monotonic()
    async with load.running():
        for replica in stack.replicas():
            await asyncio.sleep(seconds)
            await asyncio.to_thread(stack.restart, replica)
        await asyncio.sleep(seconds)
    return row("rolling restart of both", load.log, f"in {time.monotonic() - begun:.0f} s")


async def measure(options: argparse.Namespace) -> None:
    with Stack() as stack:
        stack.scale(2)
        digests = [json.loads(stack.run_inside(each, DIGESTS)) for each in stack.replicas()]
        assert digests[0] == digests[1], "the replicas disagree about a seed"
        print(f"{len(SEEDS)} seeds give the same bytes from both replicas\n\n## losses")
        load = Load(stack.url, digests[0], options.clients, PAUSE_S)
        print("| what | requests | GETs lost | POSTs lost | other bytes | slowest, s | |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for _ in range(options.rounds):
            print(await killed(stack, load, options.seconds))
            print(await rolled(stack, load, options.seconds), flush=True)
        print("\n## throughput")
        load.pause = 0
        print(await one_against_two(stack, load, options.seconds, options.rounds))


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks replicas",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--clients", type=int, default=16, help="how many ask at once [16]")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each stretch of load [4]")
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is done [3]")
    asyncio.run(measure(parser.parse_args(arguments)))
