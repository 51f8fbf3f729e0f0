"""More than the service can do: four times its capacity, and one image more than the queue holds."""

import asyncio
import signal
import time
from pathlib import Path

from benchmarks.faults.finding import Figure, Finding
from benchmarks.faults.process import MODELS, Service, serving
from benchmarks.faults.wire import GENERATE, Answer, Connection, compare, percentile, request

TIMES = 4
IMAGES = 64
HEAVY = request("GET", f"/generate?n={IMAGES}&seed=7&format=npy")
CLIENTS = 8
OPEN = 500
"""Connections at once: a refusal is immediate, so more are only open where this client cannot keep up."""
DEADLINE_S = 10
REFUSAL_S = 0.05
RECOVERY_S = 2


async def flood(seconds: float, models_dir: Path = MODELS) -> Finding:
    """Requests at four times the rate that is possible, whether earlier ones are answered or not."""
    with serving(models_dir, DEADLINE_S=str(DEADLINE_S)) as service, serving(models_dir) as control:
        limit = service.metric("mnist_gan_queue_images_limit")
        await _capacity(service, min(3, seconds / 4))
        capacity = await _capacity(service, min(10, seconds / 2))
        before = await compare(service.port, control.port, 2)
        rss = service.rss()
        depths: list[float] = []
        watch = asyncio.ensure_future(_watch(service, depths))
        answers, failures, offered = await _offer(service.port, TIMES * capacity, seconds)
        watch.cancel()
        grown = service.rss() - rss
        await asyncio.sleep(RECOVERY_S)
        after = await compare(service.port, control.port, 2)
        lost = [f"no answer: {text}" for text in failures]
        for answer in answers:
            if answer.status not in (200, 503) or (
                answer.status == 503 and "retry-after" not in answer.headers
            ):
                lost.append(f"answered {answer.status}: {answer.body[:100]!r}")
        if not service.alive:
            lost.append("the process ended")
    accepted = [answer.seconds for answer in answers if answer.status == 200]
    refused = len(answers) - len(accepted)
    return Finding(
        "overload",
        f"{len(answers):,} requests of {IMAGES} images in {seconds:g} s, {offered / capacity:.1f} times the"
        f" {capacity:,.0f}/s that is possible: {len(accepted):,} served, {refused:,} refused",
        lost,
        [
            Figure("rate", offered / capacity, TIMES * 0.97, " times capacity", least=True, timing=True),
            Figure("p99 of the served", percentile(accepted, 99), DEADLINE_S, " s"),
            Figure("deepest queue", max(depths), limit, " images"),
            Figure(f"p50 {RECOVERY_S} s after", after / before, 1.1, " times before", timing=True),
            Figure("memory", grown, 50, " MB"),
        ],
    )


async def bound(rounds: int, queue: int = 64, excess: int = 36, models_dir: Path = MODELS) -> Finding:
    """So many single images at once that `excess` of them are beyond the queue. The process is stopped while
    they are sent, so that it finds all of them in one turn."""
    lost: list[str] = []
    slowest = 0.0
    with serving(models_dir, QUEUE_IMAGES=str(queue)) as service:
        connections = [await Connection.to(service.port) for _ in range(queue + excess)]
        for connection in connections:
            await connection.ask(GENERATE)
        for number in range(rounds):
            service.send(signal.SIGSTOP)
            await _until_stopped(service.process.pid)
            for connection in connections:
                connection.writer.write(GENERATE)
            await asyncio.sleep(0.02)
            start = time.perf_counter()
            service.send(signal.SIGCONT)
            answers = await asyncio.gather(*(connection.answer(start) for connection in connections))
            refused = [answer for answer in answers if answer.status == 503]
            if len(refused) != excess or sum(answer.status == 200 for answer in answers) != queue:
                lost.append(f"round {number}: {len(refused)} were refused, not {excess}")
            lost += ["no Retry-After" for answer in refused if "retry-after" not in answer.headers]
            slowest = max(slowest, *(answer.seconds for answer in refused)) if refused else slowest
        for connection in connections:
            connection.close()
    return Finding(
        "the queue's bound",
        f"{rounds} times {queue + excess} images at once for a queue of {queue}: {excess} refused each time",
        lost,
        [Figure("slowest refusal", slowest * 1000, REFUSAL_S * 1000, " ms", timing=True)],
    )


async def _capacity(service: Service, seconds: float) -> float:
    """Heavy requests per second with a few clients that wait for their answers."""
    until = time.monotonic() + seconds

    async def client() -> int:
        connection, count = await Connection.to(service.port), 0
        while time.monotonic() < until:
            count += (await connection.ask(HEAVY)).status == 200
        connection.close()
        return count

    return sum(await asyncio.gather(*(client() for _ in range(CLIENTS)))) / seconds


async def _offer(port: int, rate: float, seconds: float) -> tuple[list[Answer], list[str], float]:
    """The answers, what else became of requests, and how many were sent per second."""
    idle: list[Connection] = []
    answers: list[Answer] = []
    failures: list[str] = []
    free = asyncio.Semaphore(OPEN)

    async def ask() -> None:
        async with free:
            try:
                connection = idle.pop() if idle else await Connection.to(port)
                answers.append(await connection.ask(HEAVY))
                if connection.open:
                    idle.append(connection)
            except (OSError, EOFError) as error:
                failures.append(repr(error))

    start = time.monotonic()
    tasks: set[asyncio.Task[None]] = set()
    sent = 0
    while (now := time.monotonic() - start) < seconds:
        for _ in range(int(rate * now) - sent):
            task = asyncio.create_task(ask())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            sent += 1
        await asyncio.sleep(0.001)
    offered = sent / (time.monotonic() - start)
    await asyncio.gather(*tasks)
    for connection in idle:
        connection.close()
    return answers, failures, offered


async def _watch(service: Service, depths: list[float]) -> None:
    """Notes the images in the queue, again and again."""
    while True:
        depths.append(await asyncio.to_thread(service.metric, "mnist_gan_queue_images"))
        await asyncio.sleep(0.2)


async def _until_stopped(pid: int) -> None:
    while Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "T":
        await asyncio.sleep(0.001)
