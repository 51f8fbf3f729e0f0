"""Runs one attack against a service of its own, and measures what the others get, memory and the end."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.faults.attacks.others import RATE_PER_S, Others, measure, slowest_large
from benchmarks.faults.attacks.rows import Row
from benchmarks.faults.finding import Figure, Finding
from benchmarks.faults.process import CLOSED, MODELS, ROOT, SHIPPED, Service, launch, wait_until_ready
from benchmarks.faults.usage import rss_mb
from service.settings import Settings

ATTACK_S = 10.0
WARM_S = 3.0
ALONE_S = 3.0
BEFORE_SIGTERM_S = 1.5
SETTLE_S = 20.0
"""Most seconds in which memory may return after an attack."""
STUCK_S = 15.0
"""Longer than its limit so the drill waits for an end, then it kills."""
SHARE = 95.0
P99_MS = 150.0
GROWTH_MB = 20.0
LARGE_S = 2.0


async def run(row: Row, share: float = 1.0, models_dir: Path = MODELS) -> Finding:
    """The attack in full, or a share of its time."""
    lost: list[str] = []
    figures: list[Figure] = []
    delay, timeout = (Settings.model_fields[f"drain_{name}_s"].default for name in ("delay", "timeout"))
    environment = SHIPPED | row.environment
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "models"
        shutil.copytree(models_dir, root)
        with _stdout(row.stdout, Path(folder) / "access") as stdout:
            service = launch(root, Path(folder) / "log", environment, access_log=stdout)
            try:
                await asyncio.to_thread(wait_until_ready, service)
                alone, under, report = await _attacked(service, row, share, root, figures)
                figures.append(await _ended(service, row, root, delay + timeout + 1))
            finally:
                service.process.kill()
                service.process.wait()
        lost += _not_json(Path(folder) / "log") + _not_json(Path(folder) / "access")
    lost += [f"{text} ({count} times)" for text, count in report["wrong"].items()]
    if not report["counts"] and not report["wrong"]:
        lost.append("the attack sent nothing")
    outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(report["counts"].items()))
    failed = ", ".join(f"{count} {outcome}" for outcome, count in sorted(under.failed.items()))
    return Finding(
        row.title,
        f"attacker: {outcomes or 'no answer'}; others: {under.sent} at {RATE_PER_S}/s"
        + (f", failed: {failed}" if failed else "")
        + f", p99 alone {alone.p99_ms:.0f} ms",
        lost,
        [
            Figure("others answered 200", under.share, SHARE, " %", least=True),
            Figure("their p99", under.p99_ms, P99_MS, " ms", timing=True),
            *figures,
        ],
    )


async def _attacked(
    service: Service, row: Row, share: float, models_dir: Path, figures: list[Figure]
) -> tuple[Others, Others, dict[str, Any]]:
    """The others before and during the attack, and the attacker's report. Adds to the figures."""
    pid = service.process.pid
    alone = await measure(service.port, ALONE_S * max(share, 0.3))
    async with _attacker(row, service.port, models_dir):
        await measure(service.port, WARM_S * max(share, 0.3))
    await asyncio.sleep(1)
    before = rss_mb(pid)
    async with _attacker(row, service.port, models_dir) as process:
        seconds = max(ATTACK_S * share, row.least_s)
        large = asyncio.ensure_future(slowest_large(service.port, seconds)) if row.large else None
        under = await measure(service.port, seconds)
        if large is not None:
            figures.append(Figure("slowest large picture", await large, LARGE_S, " s", timing=True))
        report = await _stop(process)
        until = time.monotonic() + SETTLE_S
        grown = rss_mb(pid) - before
        while time.monotonic() < until and (grown > GROWTH_MB or time.monotonic() < until - SETTLE_S + 3):
            await asyncio.sleep(0.5)
            grown = min(grown, rss_mb(pid) - before)
        if row.least_s and row.figures:
            await asyncio.sleep(row.least_s)
        figures.append(Figure("memory", grown, GROWTH_MB, " MB"))
        if row.figures is not None:
            try:
                async with asyncio.timeout(60):
                    figures += await row.figures(service)
            except (OSError, EOFError) as error:
                report["wrong"][f"the service could not be measured: {error!r}"] = 1
    return alone, under, report


async def _ended(service: Service, row: Row, models_dir: Path, limit: float) -> Figure:
    """The seconds that the process takes to end by a SIGTERM amid the attack."""
    async with _attacker(row, service.port, models_dir):
        await asyncio.sleep(BEFORE_SIGTERM_S)
        begun = time.monotonic()
        service.send(signal.SIGTERM)
        await asyncio.to_thread(service.wait, limit + STUCK_S)
        return Figure("SIGTERM to exit", time.monotonic() - begun, limit, " s")


@asynccontextmanager
async def _attacker(row: Row, port: int, models_dir: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The attacking process, once it sends; killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.faults.attacks.attacker", row.name, str(port), str(models_dir),
        cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        if await process.stdout.readline() != b"ready\n":
            raise RuntimeError(f"the attacker {row.name} did not start")
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _stop(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """Stop the attack; its connections stay open. The attacker's report."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"stop\n")
    report: dict[str, Any] = json.loads(await process.stdout.readline())
    return report


@contextmanager
def _stdout(kind: str, file: Path) -> Iterator[int]:
    """A file descriptor for the service's standard output, as Row.stdout describes."""
    if kind == "closed":
        yield CLOSED
        return
    if kind in ("unread", "broken"):
        reading, writing = os.pipe()
        if kind == "broken":
            os.close(reading)
    else:
        writing = os.open("/dev/full" if kind == "full" else file, os.O_WRONLY | os.O_CREAT)
    try:
        yield writing
    finally:
        os.close(writing)
        if kind == "unread":
            os.close(reading)


def _not_json(log: Path) -> list[str]:
    """One text for all lines that are not JSON objects."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    wrong = [line for line in lines if not _is_object(line)]
    return [f"{len(wrong):,} lines of the log are not JSON: {wrong[0][:200]}"] if wrong else []


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
