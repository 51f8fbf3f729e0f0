"""This service under load, in one process and in two, next to a bare ASGI echo.

    python -m benchmarks load

Two processes are two replicas on a port each, between which the clients are spread evenly.
"""

import argparse
from collections.abc import Mapping, Sequence

from benchmarks.machine import machine
from benchmarks.rounds import Column, Figures, measure
from benchmarks.server import folder_of, newest, ours
from benchmarks.table import count, table
from benchmarks.workload import W1, W2, W3

COLUMNS = [Column(W1, 1), Column(W1, 16), Column(W1, 64), Column(W2, 8), Column(W3, 1), Column(W3, 16)]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks load", description=__doc__)
    parser.add_argument("--model", default="cgan", help="which of models/ [cgan]")
    parser.add_argument("--rounds", type=int, default=3, help="[3]")
    parser.add_argument("--seconds", type=float, default=3, help="of each load [3]")
    parser.add_argument("--quick", action="store_true", help="one round of moments: does it run at all?")
    given = parser.parse_args(arguments)
    rounds, seconds = (1, 0.2) if given.quick else (given.rounds, given.seconds)
    print(machine())
    print(f"Model {given.model}, alone; medians of {rounds} rounds of {seconds:g} s.\n")
    with folder_of([newest(given.model)]) as models:
        servers = [
            ours(name, models, given.model, processes)
            for processes, name in ((1, "one process"), (2, "two processes"))
        ]
        print(report(measure(servers, COLUMNS, rounds, seconds), COLUMNS))


def report(found: Mapping[str, Figures], columns: Sequence[Column]) -> str:
    """A row for each column of each server."""
    rows = [
        [
            name,
            column.title,
            count(figures.rate(column)),
            f"{figures.of_echo(column):.3f}",
            count(figures.cpu(column)),
            f"{figures.of_echo_cpu(column):.3f}",
            count(figures.p50(column)),
            count(figures.p99(column)),
            count(max(figures.memory_mb)),
            count(min(figures.start_s)),
        ]
        for name, figures in found.items()
        for column in columns
    ]
    head = [
        "",
        "clients",
        "images/s",
        "requests/s over the echo's",
        "CPU µs/image",
        "echo's CPU/request over ours",
        "p50 ms",
        "p99 ms",
        "MB",
        "first answer s",
    ]
    return table(head, rows)
