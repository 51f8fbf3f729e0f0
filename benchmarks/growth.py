"""How throughput, latency and memory grow, drawn into docs/growth.png.

    python -m benchmarks growth

With n, the images of a request, at 1 client; with clients, in one process and in two; with loaded models.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.machine import machine
from benchmarks.rounds import Column, Figures, measure
from benchmarks.server import ROOT, folder_of, newest, ours, running
from benchmarks.table import count, table
from benchmarks.workload import W1, grid

SIZES = (1, 4, 16, 64, 256)
CLIENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
ONE, TWO = "one process", "two processes"


@dataclass(frozen=True)
class Weight:
    """A process with so many models, once it has answered."""

    models: int
    memory_mb: float
    start_s: float


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks growth", description=__doc__)
    parser.add_argument("--model", default="cgan", help="[cgan]")
    parser.add_argument("--rounds", type=int, default=3, help="[3]")
    parser.add_argument("--seconds", type=float, default=2, help="of each load [2]")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "growth.png", help="[docs/growth.png]")
    parser.add_argument("--quick", action="store_true", help="one round of moments: does it run at all?")
    given = parser.parse_args(arguments)
    rounds, seconds = (1, 0.2) if given.quick else (given.rounds, given.seconds)
    sizes = [Column(grid(n), 1) for n in SIZES]
    clients = [Column(W1, n) for n in (CLIENTS[:2] if given.quick else CLIENTS)]
    with folder_of([newest(given.model)]) as models:
        one, two = (ours(name, models, given.model, n) for n, name in ((1, ONE), (2, TWO)))
        of_sizes = measure([one], sizes, rounds, seconds)
        of_clients = measure([one, two], clients, rounds, seconds)
    weights = weigh(given.model, most=2 if given.quick else None)
    draw(of_sizes[ONE], sizes, of_clients, clients, weights).savefig(given.out, dpi=80)
    print(f"{machine()}\nModel {given.model}; medians of {rounds} rounds.\n")
    print("## sizes")
    print(report("images in a request, 1 client", of_sizes, sizes))
    print("\n## clients")
    print(report("clients, 1 image each", of_clients, clients))
    heavy = [[str(w.models), count(w.memory_mb), count(w.start_s)] for w in weights]
    print("\n## models")
    print(table(["models loaded", "MB", "first answer s"], heavy))


def weigh(default: str, most: int | None) -> list[Weight]:
    """A process with the default model, with another one, and so on, up to `most` or all that ship."""
    names = sorted({path.parent.parent.name for path in ROOT.glob("models/*/*/manifest.json")} - {default})
    bundles = [newest(name) for name in (default, *names)][:most]
    weights = []
    for n in range(1, len(bundles) + 1):
        with folder_of(bundles[:n]) as models, running(ours(f"{n} models", models, default), W1) as up:
            weights.append(Weight(n, up.memory_mb(), up.start_s))
    return weights


def report(what: str, found: Mapping[str, Figures], columns: Sequence[Column]) -> str:
    rows = [
        [
            name,
            str(_size(column)),
            count(figures.rate(column)),
            f"{figures.of_echo(column):.3f}",
            count(figures.p50(column)),
            count(figures.p99(column)),
        ]
        for name, figures in found.items()
        for column in columns
    ]
    return table(["", what, "images/s", "requests/s over the echo's", "p50 ms", "p99 ms"], rows)


def draw(
    of_sizes: Figures,
    sizes: Sequence[Column],
    of_clients: Mapping[str, Figures],
    clients: Sequence[Column],
    weights: Sequence[Weight],
) -> Figure:
    figure = Figure(figsize=(12, 7), layout="constrained")
    (by_n, by_clients, by_models), (n_ms, clients_ms, empty) = figure.subplots(2, 3)
    empty.remove()
    _rate(by_n, {ONE: of_sizes}, sizes)
    _latency(n_ms, {ONE: of_sizes}, sizes)
    _rate(by_clients, of_clients, clients)
    _latency(clients_ms, of_clients, clients)
    n_ms.set_xlabel("images in a request, 1 client")
    clients_ms.set_xlabel("clients, 1 image each")
    by_models.plot([w.models for w in weights], [w.memory_mb for w in weights], marker="o")
    by_models.set(title="resident memory, MB", xlabel="models loaded", ylim=(0, None))
    return figure


def _rate(axes: Axes, found: Mapping[str, Figures], columns: Sequence[Column]) -> None:
    for name, figures in found.items():
        axes.plot(_sizes(columns), [figures.rate(column) for column in columns], marker="o", label=name)
    axes.set(title="images/s", xscale="log", ylim=(0, None))
    axes.legend()


def _latency(axes: Axes, found: Mapping[str, Figures], columns: Sequence[Column]) -> None:
    for name, figures in found.items():
        (line,) = axes.plot(
            _sizes(columns), [figures.p50(column) for column in columns], marker="o", label=f"p50, {name}"
        )
        axes.plot(
            _sizes(columns),
            [figures.p99(column) for column in columns],
            marker="o",
            linestyle=":",
            color=line.get_color(),
            label=f"p99, {name}",
        )
    axes.set(title="ms", xscale="log", yscale="log")
    axes.legend()


def _sizes(columns: Sequence[Column]) -> list[int]:
    return [_size(column) for column in columns]


def _size(column: Column) -> int:
    """What grows: the images of a request, or the clients."""
    return column.workload.images if column.workload.images > 1 or column.clients == 1 else column.clients
