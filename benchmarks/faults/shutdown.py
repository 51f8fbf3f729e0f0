"""Ending while others ask: behind a proxy nobody notices, and a second signal ends at once."""

import asyncio
import signal
import tempfile
import time
from pathlib import Path

from benchmarks.faults.balancer import Balancer, balancing
from benchmarks.faults.finding import Figure, Finding
from benchmarks.faults.process import MODELS, Service, is_ready, serving, start, wait_until_ready
from benchmarks.faults.wire import GENERATE, Connection, request

DRAIN_DELAY_S = "1"
HEAVY = request("GET", "/generate?n=256&seed=7&format=npy")
HEAVY_EVERY = 10
AT_ONCE_S = 1.0


async def rolling(requests: int, restarts: int, clients: int = 8, models_dir: Path = MODELS) -> Finding:
    """Two replicas behind a proxy are ended and started in turn, while clients ask without a pause."""
    lost: list[str] = []
    done = ended = 0
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        replicas = [start(models_dir, log, DRAIN_DELAY_S=DRAIN_DELAY_S) for _ in range(2)]
        try:
            for replica in replicas:
                await asyncio.to_thread(wait_until_ready, replica)
            async with balancing([replica.port for replica in replicas]) as proxy:

                async def client() -> None:
                    nonlocal done
                    connection = await Connection.to(proxy.port)
                    while done < requests or ended < restarts:
                        done += 1
                        if not connection.open:
                            connection = await Connection.to(proxy.port)
                        try:
                            answer = await connection.ask(GENERATE if done % HEAVY_EVERY else HEAVY)
                        except (OSError, EOFError) as error:
                            lost.append(f"no answer: {error!r}")
                        else:
                            if answer.status != 200:
                                lost.append(f"answered {answer.status}")
                    connection.close()

                asking = [asyncio.ensure_future(client()) for _ in range(clients)]
                while ended < restarts:
                    number = ended % 2
                    lost += await _end(replicas[number])
                    replicas[number] = start(
                        models_dir, log, replicas[number].port, DRAIN_DELAY_S=DRAIN_DELAY_S
                    )
                    await asyncio.to_thread(wait_until_ready, replicas[number])
                    await _noticed(proxy, replicas[number].port)
                    ended += 1
                await asyncio.gather(*asking)
        finally:
            for replica in replicas:
                replica.process.kill()
                replica.process.wait()
    return Finding(
        "SIGTERM behind a proxy",
        f"{done:,} requests by {clients} clients while two replicas were restarted in turn, {ended} times",
        lost,
    )


async def second_signal(times: int, models_dir: Path = MODELS) -> Finding:
    """The first SIGTERM begins to drain for half a minute; the second ends the process."""
    lost, slowest = [], 0.0
    for _ in range(times):
        with serving(models_dir, DRAIN_DELAY_S="30") as service:
            service.send(signal.SIGTERM)
            while is_ready(service.port):
                await asyncio.sleep(0.01)
            begun = time.monotonic()
            service.send(signal.SIGTERM)
            if await asyncio.to_thread(service.wait, 10) != -signal.SIGTERM:
                lost.append("it did not end by the signal")
            slowest = max(slowest, time.monotonic() - begun)
    return Finding(
        "a second SIGTERM", f"{times} times", lost, [Figure("slowest end", slowest, AT_ONCE_S, " s")]
    )


async def _end(replica: Service) -> list[str]:
    """SIGTERM, and a look at the time until the process is gone."""
    lost = []
    replica.send(signal.SIGTERM)
    await asyncio.sleep(0.3)
    if is_ready(replica.port):
        lost.append("readiness was still 200 after SIGTERM")
    connection = await Connection.to(replica.port)
    if (await connection.ask(GENERATE)).status != 200:
        lost.append("new work was refused within the drain delay")
    connection.close()
    code = await asyncio.to_thread(replica.wait, 30)
    if code != 0:
        lost.append(f"the exit code was {code}")
    return lost


async def _noticed(proxy: Balancer, port: int) -> None:
    """Waits until the proxy sends connections there again."""
    while port not in proxy.ready:
        await asyncio.sleep(0.02)
