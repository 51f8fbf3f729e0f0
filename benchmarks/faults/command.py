"""Tries to break what the service promises, and prints a table of what was lost.

Every drill runs against a service process of its own, on loopback, with the shipped models. The drills `api`,
`decoder` and `parser` need `make hostile` first. Exit code 1 if a promise was broken.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import uvloop
from tqdm import tqdm

from benchmarks.faults import api, bundles, clients, fuzz, hostile, overload, shutdown
from benchmarks.faults import soak as endurance
from benchmarks.faults.adversary import run
from benchmarks.faults.attacks import rows, runner
from benchmarks.faults.finding import Finding, table
from benchmarks.faults.process import logging_service

Drill = Callable[[float], Coroutine[Any, Any, Finding]]
"""Takes a share of the full form's size."""

CASES = Path(tempfile.gettempdir()) / "adversary"
"""Where the adversary saves its findings."""


def _of(number: int, share: float) -> int:
    return max(1, round(number * share))


DRILLS: dict[str, Drill] = {
    "overload": lambda share: overload.flood(60 * share),
    "bound": lambda share: overload.bound(_of(100, share)),
    "leaving": lambda share: clients.leaving(_of(100, share)),
    "slow": lambda share: clients.slow(_of(500, share), timeout_s=10, rounds=3),
    "headers": lambda share: clients.large_headers(_of(1_000, share)),
    "pipelining": lambda share: clients.pipelined(_of(5_000, share)),
    "idle": lambda share: clients.idle(_of(1_000, share), rounds=3),
    "shutdown": lambda share: shutdown.rolling(_of(5_000, share), restarts=4),
    "second-signal": lambda share: shutdown.second_signal(_of(10, share)),
    "bundles": lambda share: bundles.mutants(_of(500, share)),
    "reload": lambda share: bundles.reloads(_of(100, share)),
    "hostile": lambda share: hostile.refused(_of(10, share)),
    "api": lambda share: api.conformance(_of(20_000, share)),
    "decoder": lambda share: fuzz.fuzz("decoder", _of(500_000, share)),
    "parser": lambda share: fuzz.fuzz("parser", _of(500_000, share)),
}


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks faults", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    names = [*DRILLS, "soak", "attacks", "adversary"]
    parser.add_argument("drills", nargs="*", metavar="DRILL", help=f"of {', '.join(names)}; all without one")
    parser.add_argument("--share", type=float, default=1.0, help="of the full size, for a quick look")
    parser.add_argument("--only", nargs="+", default=[], metavar="ATTACK", help="attacks by number or name")
    parser.add_argument(
        "--minutes", type=float, default=30, help="that the soak takes; CPU minutes of the adversary"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the adversary's cases")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="the adversary sends this case instead")
    options = parser.parse_args(arguments)
    if unknown := set(options.drills) - set(names):
        parser.error(f"no such drill: {', '.join(sorted(unknown))}")
    chosen = options.drills or names
    if set(chosen) & {"api", "decoder", "parser"} and not api.PROGRAM.exists():
        parser.error("api, decoder and parser need their own environment: make hostile")
    try:
        attacks = rows.chosen(options.only)
    except ValueError as error:
        parser.error(str(error))
    findings = uvloop.run(_run(chosen, options, attacks))
    print(table(findings))
    sys.exit(0 if all(finding.kept for finding in findings) else 1)


async def _run(
    names: Sequence[str], options: argparse.Namespace, attacks: Sequence[rows.Row]
) -> list[Finding]:
    findings = []
    for name in names:
        print(f"{name} ...", file=sys.stderr)
        if name == "attacks":
            findings += await _attacks(attacks, options.share)
        elif name == "adversary" and options.replay:
            findings.append(await run.replay(logging_service, options.replay))
        elif name == "adversary":
            minutes = options.minutes * options.share
            findings.append(await run.run(logging_service, minutes, options.seed, CASES))
        else:
            drill = endurance.soak(options.minutes) if name == "soak" else DRILLS[name](options.share)
            findings.append(await drill)
        await asyncio.sleep(0.5)
    return findings


async def _attacks(attacks: Sequence[rows.Row], share: float) -> list[Finding]:
    findings = []
    for row in tqdm(attacks, desc="attacks", unit="attack"):
        findings.append(await runner.run(row, share))
        tqdm.write(table(findings[-1:]).splitlines()[2], file=sys.stderr)
    return findings
