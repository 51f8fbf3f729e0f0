"""The attacking client: a process of its own, so that its work does not delay the clients that measure.

`python -m benchmarks.faults.attacks.attacker NAME PORT FOLDER` prints "ready" when it begins to send. It
attacks until its standard input has a line or ends. After a line it stops attacking, keeps its connections
open, and prints a report as JSON; it exits when its standard input ends.
"""

import asyncio
import collections
import contextlib
import json
import os
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from benchmarks.faults.wire import Answer, Connection

SOURCE = "127.0.0.3"
PAUSE_S = 0.01
"""Between two requests of one loop: the attacks are about the cost of a request, not about their number."""
ANSWER_S = 60.0
NICE = 10
"""A real attacker has a machine of its own; here the service and its other clients go first."""


class Attacker:
    """Opens connections from its own address, and keeps a report of what happened."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self.folder = folder
        """The folder that the service loads its models from."""
        self.counts: collections.Counter[str] = collections.Counter()
        self.wrong: collections.Counter[str] = collections.Counter()
        self._connections: list[Connection] = []
        self._kept: object = None
        self._ready = False

    def ready(self) -> None:
        """Say that the payload is built and the attack begins."""
        if not self._ready:
            self._ready = True
            print("ready", flush=True)

    async def connect(self) -> Connection:
        self.ready()
        connection = await Connection.to(self.port, SOURCE)
        self.counts["connections"] += 1
        self._connections = [one for one in self._connections if one.open]
        self._connections.append(connection)
        return connection

    def keep(self, sockets: object) -> None:
        """Keep these open when the attack stops."""
        self._kept = sockets

    async def ask(self, data: bytes) -> Answer | None:
        """The answer on a connection of its own; None where there is none within a minute."""
        try:
            async with asyncio.timeout(ANSWER_S):
                connection = await self.connect()
                try:
                    answer = await connection.ask(data)
                finally:
                    connection.close()
        except (OSError, EOFError) as error:
            self.counts[type(error).__name__] += 1
            return None
        self.counts[str(answer.status)] += 1
        return answer

    async def loops(self, count: int, once: Callable[[], Awaitable[object]]) -> None:
        """Run `count` loops that each call `once` again and again; a lost connection counts as an outcome."""

        async def loop() -> None:
            while True:
                try:
                    await once()
                except (OSError, EOFError) as error:
                    self.counts[type(error).__name__] += 1
                await asyncio.sleep(PAUSE_S)

        await asyncio.gather(*(loop() for _ in range(count)))

    def report(self) -> str:
        return json.dumps({"counts": self.counts, "wrong": self.wrong})


Attack = Callable[[Attacker], Awaitable[None]]


def main() -> None:
    from benchmarks.faults.attacks.rows import ROWS

    name, port, folder = sys.argv[1:4]
    os.nice(NICE)
    (row,) = (row for row in ROWS if row.name == name)
    uvloop.run(_run(row.attack, Attacker(int(port), Path(folder))))


async def _run(attack: Attack, attacker: Attacker) -> None:
    attacking = asyncio.ensure_future(attack(attacker))
    stopped = asyncio.ensure_future(asyncio.to_thread(sys.stdin.readline))
    await asyncio.wait([attacking, stopped], return_when=asyncio.FIRST_COMPLETED)
    if attacking.done() and (error := attacking.exception()):
        traceback.print_exception(error)
        # An ordinary end would wait for the thread that reads standard input.
        os._exit(1)
    attacking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await attacking
    if not await stopped:
        return
    print(attacker.report(), flush=True)
    await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    main()
