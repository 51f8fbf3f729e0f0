"""The same workloads on this service and on what people would use instead, in turn.

    python -m benchmarks peers

W1: one image as base64 PNG in JSON. W2: a grid of 64 images as PNG. W3: the score of one uploaded PNG. All
serve the same networks; `--plain` names the bundle of the peers, where ours has the same weights in a graph
that export has rewritten. Each peer is installed into .venv-rivals/ first.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.load import COLUMNS
from benchmarks.machine import machine
from benchmarks.rival import RIVALS, server
from benchmarks.rounds import Column, Figures, measure
from benchmarks.server import folder_of, newest, ours
from benchmarks.table import count, ratio, table, times

OURS = {"this service, one process": 1, "this service, two processes": 2}


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks peers", description=__doc__)
    parser.add_argument("--bundle", type=Path, default=newest("dcgan"), help="what we serve [newest dcgan]")
    parser.add_argument("--plain", type=Path, help="what the peers serve [the same]")
    parser.add_argument("--only", nargs="*", default=[], help="words of the peers' names [all peers]")
    parser.add_argument("--rounds", type=int, default=3, help="[3]")
    parser.add_argument("--seconds", type=float, default=3, help="of each load [3]")
    parser.add_argument("--quick", action="store_true", help="one round of moments: does it run at all?")
    given = parser.parse_args(arguments)
    rounds, seconds = (1, 1) if given.quick else (given.rounds, given.seconds)
    plain = given.plain or given.bundle
    rivals = [rival for rival in RIVALS if not given.only or any(word in rival.name for word in given.only)]
    with folder_of([given.bundle]) as models:
        servers = [ours(name, models, given.bundle.parent.name, n) for name, n in OURS.items()]
        found = measure([*servers, *(server(rival, plain) for rival in rivals)], COLUMNS, rounds, seconds)
    print(machine())
    print(f"We serve {_name(given.bundle)}, the others {_name(plain)}; medians of {rounds} rounds.\n")
    print(report(found, COLUMNS))
    print(f"\n{processor(found, COLUMNS)}")
    print(f"\n{against_best(found, list(OURS), COLUMNS)}")


def report(found: Mapping[str, Figures], columns: Sequence[Column]) -> str:
    """Images or scores per second of each, with p99 of the second column."""
    p99 = columns[1]
    rows = [
        [
            name,
            *(count(figures.rate(column)) for column in columns),
            count(figures.p99(p99)),
            count(max(figures.memory_mb)),
            count(min(figures.start_s)),
        ]
        for name, figures in found.items()
    ]
    titles = [column.title for column in columns]
    return table(["images/s", *titles, f"p99 ms of {p99.title}", "MB", "first answer s"], rows)


def processor(found: Mapping[str, Figures], columns: Sequence[Column]) -> str:
    """Microseconds of processor time for each image."""
    rows = [[name, *(count(figures.cpu(column)) for column in columns)] for name, figures in found.items()]
    return table(["CPU µs/image", *(column.title for column in columns)], rows)


def against_best(found: Mapping[str, Figures], own: Sequence[str], columns: Sequence[Column]) -> str:
    """For each column our best over the best of the others: the median over rounds of the ratio."""
    rows = []
    for column in columns:
        our = max(own, key=lambda name: found[name].rate(column))
        other = max((name for name in found if name not in own), key=lambda name: found[name].rate(column))
        factor = ratio(found[our].rates(column), found[other].rates(column))
        rows.append([column.title, our, other, times(factor)])
    return table(["", "our best", "their best", "ours over theirs"], rows)


def _name(bundle: Path) -> str:
    return f"{bundle.parent.name} {bundle.name}"
