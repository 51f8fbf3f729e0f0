"""This service under load, in one process and in two, next to a bare ASGI echo.

    python -m benchmarks load

Two processes are two replicas on a port each, which share the processor's cores, and between which the
clients are spread evenly. What onnxruntime alone does with the generator, in batches as large as W2's
requests, is measured before and after.
"""

import argparse
import statistics
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.limits import feeds
from benchmarks.machine import machine
from benchmarks.rounds import Column, Figures, measure
from benchmarks.server import folder_of, newest, ours
from benchmarks.stopwatch import rate
from benchmarks.table import count, table
from benchmarks.workload import W1, W2, W3
from service.engine.session import Session

GRIDS = Column(W2, 8)
COLUMNS = [Column(W1, 1), Column(W1, 16), Column(W1, 64), GRIDS, Column(W3, 1), Column(W3, 16)]
THREADS = 2


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks load", description=__doc__)
    parser.add_argument("--bundle", type=Path, default=newest("cgan"), help="what to serve [newest cgan]")
    parser.add_argument("--rounds", type=int, default=3, help="[3]")
    parser.add_argument("--seconds", type=float, default=3, help="of each load [3]")
    parser.add_argument("--quick", action="store_true", help="one round of moments: does it run at all?")
    given = parser.parse_args(arguments)
    rounds, seconds = (1, 0.2) if given.quick else (given.rounds, given.seconds)
    print(machine())
    bundle = given.bundle.absolute()
    name = bundle.parent.name
    print(f"{name} {bundle.name}, alone; medians of {rounds} rounds of {seconds:g} s.\n")
    alone = [images_per_second(bundle, seconds) for _ in range(rounds)]
    with folder_of([bundle]) as models:
        servers = [
            ours(title, models, name, processes)
            for processes, title in ((1, "one process"), (2, "two processes"))
        ]
        found = measure(servers, COLUMNS, rounds, seconds)
    alone += [images_per_second(bundle, seconds) for _ in range(rounds)]
    print("## load")
    print(report(found, COLUMNS))
    limit = statistics.median(alone)
    print(f"\nonnxruntime alone, {THREADS} threads, batches of {W2.images}: {count(limit)} images/s.")
    for name, figures in found.items():
        print(f"W2 of that, {name}: {figures.rate(GRIDS) / limit:.2f}.")


def images_per_second(bundle: Path, seconds: float) -> float:
    """What onnxruntime alone makes of the generator."""
    session = Session((bundle / "generator.onnx").read_bytes(), "cpu")
    work = partial(session.run, feeds(session, W2.images))
    return rate(work, seconds, THREADS) * W2.images


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
