"""Measures several servers in turn, round after round, each next to a run of the calibration.

This machine's speed drifts by the minute; what is compared must have been measured side by side.
"""

import os
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.driver import Failed, Load, drive
from benchmarks.server import Running, Server, echo, running
from benchmarks.table import ratio
from benchmarks.workload import W1, Workload

CALIBRATION_CLIENTS = 16
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Column:
    """One thing to measure of each server."""

    workload: Workload
    clients: int

    @property
    def title(self) -> str:
        return f"{self.workload.name}, {self.clients} client{'s' if self.clients > 1 else ''}"


@dataclass
class Figures:
    """What the rounds gave for one server; lists have an entry a round."""

    loads: dict[Column, list[Load]] = field(default_factory=dict)
    cpu_us: dict[Column, list[float]] = field(default_factory=dict)
    """Processor time for each image, of all of the server's processes."""
    calibration: list[float] = field(default_factory=list)
    """Requests/s of the bare echo right before."""
    echo_us: list[float] = field(default_factory=list)
    """The echo's processor time for each request."""
    start_s: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)

    def rates(self, column: Column) -> list[float]:
        """Images/s."""
        return [load.per_second * column.workload.images for load in self.loads[column]]

    def rate(self, column: Column) -> float:
        return statistics.median(self.rates(column))

    def p50(self, column: Column) -> float:
        return statistics.median(load.p50_ms for load in self.loads[column])

    def p99(self, column: Column) -> float:
        return statistics.median(load.p99_ms for load in self.loads[column])

    def cpu(self, column: Column) -> float:
        return statistics.median(self.cpu_us[column])

    def of_echo(self, column: Column) -> float:
        """Requests/s over the echo's."""
        return ratio([load.per_second for load in self.loads[column]], self.calibration)

    def of_echo_cpu(self, column: Column) -> float:
        """The same by processor time: the echo's for a request, over the server's."""
        return ratio(self.echo_us, self.cpu_us[column]) / column.workload.images


def measure(
    servers: Sequence[Server], columns: Sequence[Column], rounds: int, seconds: float
) -> Mapping[str, Figures]:
    """Figures by the servers' names. Every load is preceded by a short one that is not counted.

    A server that fails is left out, and standard error says why: its figures would be of nothing.
    """
    found = {
        server.name: Figures({column: [] for column in columns}, {column: [] for column in columns})
        for server in servers
    }
    for _ in range(rounds):
        for server in servers:
            if server.name not in found:
                continue
            try:
                _measure(server, columns, seconds, found[server.name])
            except (Failed, RuntimeError) as error:
                print(f"{server.name} is left out: {error}", file=sys.stderr)
                del found[server.name]
    return found


def _measure(server: Server, columns: Sequence[Column], seconds: float, figures: Figures) -> None:
    """One round of one server."""
    calibrate(figures, seconds)
    with running(server, columns[0].workload) as up:
        figures.start_s.append(up.start_s)
        for column in columns:
            asked = server.asked.get(column.workload, column.workload)
            drive(up.ports, asked, column.clients, min(1, seconds))
            load, cpu_us = _weighed(up, asked, column.clients, seconds)
            figures.loads[column].append(load)
            figures.cpu_us[column].append(cpu_us / asked.images)
        figures.memory_mb.append(up.memory_mb())


def calibrate(figures: Figures, seconds: float) -> None:
    with running(echo(), W1) as up:
        drive(up.ports, W1, CALIBRATION_CLIENTS, min(1, seconds))
        load, cpu_us = _weighed(up, W1, CALIBRATION_CLIENTS, seconds)
        figures.calibration.append(load.per_second)
        figures.echo_us.append(cpu_us)


def _weighed(up: Running, asked: Workload, clients: int, seconds: float) -> tuple[Load, float]:
    """The load, and the microseconds of processor time that each request took."""
    before = up.cpu_s()
    load = drive(up.ports, asked, clients, seconds)
    # The system counts in ticks, of which a moment may have none.
    return load, max(up.cpu_s() - before, TICK_S) * 1e6 / load.requests
