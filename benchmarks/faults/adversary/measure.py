"""Sends cases to a service and measures their cost: processor time, stalls, log, and statuses."""

import asyncio
import contextlib
import re
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.faults.adversary.case import Case
from benchmarks.faults.adversary.probe import PROBED, Probe
from benchmarks.faults.process import Service
from benchmarks.faults.usage import children_cpu_s, cpu_s, descendants

SAMPLE_S = 0.004
IDLE_SAMPLES = 6
"""So many samples without a running thread, and the case is taken as finished."""
LONGEST_S = 30.0
IGNORED_S = 0.05
"""Seconds to leave answers unread where they are ignored."""
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


@dataclass
class Cost:
    """The cost of one case, or of several that ran together."""

    main_s: float = 0.0
    """Processor seconds of the service's main process, without the probe's share."""
    children_s: float = 0.0
    stall_s: float = 0.0
    """The longest that the probe waited."""
    statuses: list[int] = field(default_factory=list)
    log: bytes = b""
    alive: bool = True


class Meter:
    """Measures cases against one service process."""

    def __init__(self, service: Service, log: Path) -> None:
        self._service = service
        self._pid = service.process.pid
        self._log = log
        self._read = log.stat().st_size
        self.probe = Probe(service.port, self._pid)

    async def cost(self, *cases: Case, probed: bool = True) -> Cost:
        """Send the cases at once and wait until the service is idle again."""
        main, children = cpu_s(self._pid), children_cpu_s(self._pid)
        if probed:
            self.probe.begin()
        answers = await asyncio.gather(*(_exchange(self._service.port, case, self._idle) for case in cases))
        await self._idle(1)
        cost = Cost(children_s=children_cpu_s(self._pid) - children, alive=self._service.alive)
        spent = cpu_s(self._pid) - main
        if probed:
            cost.stall_s, count = self.probe.end()
            spent -= count * self.probe.cpu_s
        cost.main_s = max(0.0, spent)
        cost.statuses = [int(status) for answer in answers for status in _STATUS.findall(answer)]
        cost.log = self._new_log()
        return cost

    async def calibrate(self) -> None:
        """Measure the processor time of a probe on the idle service."""
        self.probe.cpu_s = 0.0
        before = cpu_s(self._pid)
        self.probe.begin()
        await asyncio.sleep(1)
        _, count = self.probe.end()
        self.probe.cpu_s = (cpu_s(self._pid) - before) / max(1, count)

    async def _idle(self, samples: int = IDLE_SAMPLES) -> None:
        """Wait until in so many samples no thread of the service or its children runs, and no probe waits."""
        until, quiet = time.monotonic() + LONGEST_S, 0
        while quiet < samples and time.monotonic() < until:
            # A loop that is held by a sleeping call does not run, but leaves the probe without an answer.
            quiet = 0 if self.probe.is_late or _is_running(self._pid) else quiet + 1
            await asyncio.sleep(SAMPLE_S)

    def _new_log(self) -> bytes:
        """The lines since the last call, without those of probes."""
        with self._log.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        self._read += len(data)
        lines = data.splitlines(keepends=True)
        return b"".join(line for line in lines if PROBED not in line)


async def _exchange(port: int, case: Case, idle: Callable[[], Awaitable[None]]) -> bytes:
    """Send the case on a connection of its own; the answer until its end, or until the service is idle."""
    loop = asyncio.get_running_loop()
    received = bytearray()
    with socket.socket() as one:
        if case.ending == "ignore":
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.setblocking(False)

        async def read() -> None:
            while data := await loop.sock_recv(one, 2**18):
                received.extend(data)

        async def send() -> None:
            for piece in case.pieces:
                await loop.sock_sendall(one, piece)
                if case.pause_s:
                    await asyncio.sleep(case.pause_s)
            if case.ending == "half-close":
                one.shutdown(socket.SHUT_WR)

        with contextlib.suppress(OSError):
            async with asyncio.timeout(LONGEST_S):
                await loop.sock_connect(one, ("127.0.0.1", port))
                tasks = [asyncio.ensure_future(send())]
                if case.ending in ("read", "half-close"):
                    tasks.append(asyncio.ensure_future(read()))
                else:
                    tasks.append(asyncio.ensure_future(asyncio.sleep(IGNORED_S)))
                try:
                    await _first(asyncio.gather(*tasks, return_exceptions=True), idle)
                finally:
                    await _cancelled(tasks)
    return bytes(received)


async def _first(done: "asyncio.Future[Any]", idle: Callable[[], Awaitable[None]]) -> None:
    """Wait for the exchange to end, or for the service to be idle."""
    waiting = asyncio.ensure_future(idle())
    await asyncio.wait([done, waiting], return_when=asyncio.FIRST_COMPLETED)
    await _cancelled([waiting])


async def _cancelled(tasks: list["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _is_running(pid: int) -> bool:
    """Return True if a thread of the process or of its descendants runs or waits for a processor."""
    for process in (pid, *descendants(pid)):
        with contextlib.suppress(OSError):
            for stat in Path(f"/proc/{process}/task").iterdir():
                if (stat / "stat").read_text().rsplit(")", 1)[1].split()[0] in "RD":
                    return True
    return False
