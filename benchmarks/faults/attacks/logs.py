"""Attacks on the log: ordinary requests while standard output cannot be written."""

import itertools

from benchmarks.faults.attacks.attacker import Attacker
from benchmarks.faults.wire import request


async def requests(attacker: Attacker) -> None:
    """A few hundred requests per second, each of which is a line of the access log."""
    seeds = itertools.count()
    await attacker.loops(
        4, lambda: attacker.ask(request("GET", f"/generate?labels=7&seed={next(seeds)}", b"", PADDING))
    )


PADDING = "User-Agent: " + "a" * 200
