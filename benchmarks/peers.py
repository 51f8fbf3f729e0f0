"""The same workloads on this service and on what people would use instead, in turn.

    python -m benchmarks peers

W1: one image as base64 PNG in JSON. W2: a grid of 64 images as PNG. W3: the score of one uploaded PNG. All
serve the same weights. The peers have them in the graph that PyTorch exports; this service has them in the
graph that its export writes, and, to compare servers alone, in the peers' graph. Each peer is installed into
.venv-rivals/ first.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.load import COLUMNS
from benchmarks.machine import machine
from benchmarks.plain_graph import plain_dcgan
from benchmarks.rival import RIVALS, server
from benchmarks.rounds import Column, Figures, measure
from benchmarks.server import folder_of, newest, ours
from benchmarks.table import count, ratio, table, times
from benchmarks.workload import W1, W2, W3

OURS = {"this service, one process": 1, "this service, two processes": 2}
PLAIN = ", peers' graph"
"""Ends the names of our servers that serve the peers' graph."""
WORDS = {W1: "one image in JSON", W2: "grids of 64", W3: "scores of uploads"}
"""Names the workloads, for a page that does not introduce their short names."""

Title = Callable[[Column], str]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks peers", description=__doc__)
    parser.add_argument("--bundle", type=Path, help="what we serve [newest dcgan]; needs --plain")
    parser.add_argument(
        "--plain", type=Path, help="what the peers serve [dcgan in PyTorch's graph, from history]"
    )
    parser.add_argument("--only", nargs="*", default=[], help="words of the peers' names [all peers]")
    parser.add_argument("--rounds", type=int, default=3, help="[3]")
    parser.add_argument("--seconds", type=float, default=3, help="of each load [3]")
    parser.add_argument("--quick", action="store_true", help="one round of moments: does it run at all?")
    given = parser.parse_args(arguments)
    if given.bundle and not given.plain:
        parser.error("--bundle needs --plain: the same weights in the graph that the peers shall serve")
    rounds, seconds = (1, 1) if given.quick else (given.rounds, given.seconds)
    rivals = [rival for rival in RIVALS if not given.only or any(word in rival.name for word in given.only)]
    bundle = given.bundle or newest("dcgan")
    with ExitStack() as stack:
        plain = given.plain or stack.enter_context(plain_dcgan())
        servers = [
            ours(f"{name}{graph}", stack.enter_context(folder_of([served])), served.parent.name, n)
            for served, graph in ((bundle, ""), (plain, PLAIN))
            for name, n in OURS.items()
        ]
        found = measure([*servers, *(server(rival, plain) for rival in rivals)], COLUMNS, rounds, seconds)
    print(machine())
    print(f"We serve {_name(bundle)}, the others {_name(plain)}; medians of {rounds} rounds.\n")
    print(f"## rates\n{report(found, COLUMNS)}\n")
    print(f"## processor\n{processor(found, COLUMNS)}\n")
    print(f"## factors\n{against_best(found, COLUMNS)}\n")
    print(f"## summary\n{report(found, COLUMNS, in_words)}\n\n{against_best(found, COLUMNS, in_words)}")


def short(column: Column) -> str:
    return column.title


def in_words(column: Column) -> str:
    """Return the column's title for a page that does not introduce W1, W2 and W3."""
    return column.title.replace(column.workload.name, WORDS[column.workload])


def report(found: Mapping[str, Figures], columns: Sequence[Column], title: Title = short) -> str:
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
    titles = [title(column) for column in columns]
    return table(["images/s", *titles, f"p99 ms of {title(p99)}", "MB", "first answer s"], rows)


def processor(found: Mapping[str, Figures], columns: Sequence[Column]) -> str:
    """Microseconds of processor time for each image."""
    rows = [[name, *(count(figures.cpu(column)) for column in columns)] for name, figures in found.items()]
    return table(["CPU µs/image", *(column.title for column in columns)], rows)


def against_best(found: Mapping[str, Figures], columns: Sequence[Column], title: Title = short) -> str:
    """For each column our best over the best of the peers, with our graph and with theirs.

    Each factor is the median over rounds of the ratio within the round.
    """
    peers = [name for name in found if name.removesuffix(PLAIN) not in OURS]
    rows = []
    for column in columns:
        other = max(peers, key=lambda name: found[name].rate(column))
        cells = [title(column), other]
        for graph in ("", PLAIN):
            own = [name for name in found if name in {f"{our}{graph}" for our in OURS}]
            our = max(own, key=lambda name: found[name].rate(column), default=None)
            factor = None if our is None else ratio(found[our].rates(column), found[other].rates(column))
            cells.append("not measured" if factor is None else times(factor))
        rows.append(cells)
    return table(["", "best peer", "our best, our graph", "our best, the peers' graph"], rows)


def _name(bundle: Path) -> str:
    return f"{bundle.parent.name} {bundle.name}"
