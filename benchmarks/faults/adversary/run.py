"""Generates cases for a given processor time, measures each, and confirms what exceeds a limit."""

import collections
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.faults.adversary.case import Case
from benchmarks.faults.adversary.generate import case as generated
from benchmarks.faults.adversary.limits import Excess, allowance_s, excesses
from benchmarks.faults.adversary.measure import Cost, Meter
from benchmarks.faults.finding import Figure, Finding
from benchmarks.faults.process import Service
from benchmarks.faults.usage import children_cpu_s, cpu_s, rss_mb

Launch = Callable[[], AbstractContextManager[tuple[Service, Path]]]
"""Starts a service and gives it with its log file; ends it with the block."""
TOGETHER = 8
TOGETHER_EVERY = 20
REPLAYS = 3
PER_LABEL = 2
"""So many findings of one kind and label are confirmed and saved; more of them only count."""
PER = 10_000
LEAK_MB = 1.0
WARM = 0.25
"""The part of the cases after which memory counts: caches and pools are full."""
SAMPLE_EVERY = 50
HUNG_S = 10.0
LEAST_MINUTES = 10
"""In less time memory is not measured, since caches still fill, and a run is also bounded by the clock."""
CLOCK = 2
"""A short run may take so many times its processor time by the clock. A busy machine gets fewer cases."""


@dataclass
class State:
    """The result so far."""

    cases: int = 0
    bytes: int = 0
    spent_s: float = 0.0
    lost: list[str] = field(default_factory=list)
    repeated: collections.Counter[tuple[str, str]] = field(default_factory=collections.Counter)
    memory: list[tuple[int, float]] = field(default_factory=list)
    slopes: list[float] = field(default_factory=list)
    """MB per PER cases, of each process of the service; there is one unless it ended."""
    restart: bool = False


async def run(launch: Launch, minutes: float, seed: int, folder: Path) -> Finding:
    """Cases 0, 1, 2, ... of this seed until service and adversary have used so many minutes of processor
    time. What exceeds a limit when it is sent again alone is a finding, and is saved in the folder."""
    state = State()
    bar: tqdm[Any]
    until = time.monotonic() + CLOCK * minutes * 60 if minutes < LEAST_MINUTES else float("inf")
    with tqdm(total=round(minutes * 60), unit="CPU s", desc="adversary") as bar:
        while state.spent_s < minutes * 60 and time.monotonic() < until:
            with launch() as (service, log):
                await _against(service, log, state, (minutes * 60, until), seed, folder, bar)
            _end_of_process(state)
    lost = state.lost + [
        f"{count - PER_LABEL} more of {kind}: {label}"
        for (kind, label), count in state.repeated.items()
        if count > PER_LABEL
    ]
    return Finding(
        "generated attacks",
        f"{state.cases:,} cases of seed {seed}, {state.bytes / 1e6:,.0f} MB,"
        f" in {state.spent_s / 60:.1f} CPU minutes",
        lost,
        [Figure(f"memory per {PER:,} cases", max(state.slopes, default=0.0), LEAK_MB, " MB")]
        if minutes >= LEAST_MINUTES
        else [],
    )


async def replay(launch: Launch, path: Path) -> Finding:
    """The saved case, some times, each as a row of what it cost."""
    case, rows, lost = Case.load(path), [], []
    with launch() as (service, log):
        meter = Meter(service, log)
        await meter.calibrate()
        for _ in range(REPLAYS):
            cost = await meter.cost(case)
            rows.append(
                f"{1000 * cost.main_s:.0f} + {1000 * cost.children_s:.0f} ms of CPU,"
                f" stall {1000 * cost.stall_s:.0f} ms, {cost.statuses[:5]}"
            )
            lost = [excess.text for excess in excesses((case,), cost)]
        await meter.probe.close()
    tried = f"{case.label}, {case.size:,} bytes, allowed {1000 * allowance_s(case):.0f} ms: {'; '.join(rows)}"
    return Finding("replayed attack", tried, lost)


async def _against(
    service: Service,
    log: Path,
    state: State,
    end: tuple[float, float],
    seed: int,
    folder: Path,
    bar: "tqdm[Any]",
) -> None:
    """Send cases to one process until it has to be started again, or until the end: seconds of processor
    time, and a time of the clock."""
    limit_s, until = end
    meter = Meter(service, log)
    await meter.calibrate()
    pid, before = service.process.pid, state.spent_s
    own = time.process_time()
    state.restart = False
    while state.spent_s < limit_s and time.monotonic() < until and not state.restart:
        count = TOGETHER if state.cases % (TOGETHER_EVERY * TOGETHER) == 0 and state.cases else 1
        first = state.cases
        cases = tuple(generated(seed, first + n) for n in range(count))
        cost = await meter.cost(*cases)
        state.cases += count
        state.bytes += sum(case.size for case in cases)
        if found := excesses(cases, cost):
            for number, case in enumerate(cases, first):
                alone = found if count == 1 else excesses((case,), await meter.cost(case))
                await _confirm(meter, case, alone, state, f"seed {seed} case {number}", folder)
            state.restart = state.restart or not service.alive or cost.stall_s > HUNG_S
        if state.cases % SAMPLE_EVERY == 0 and service.alive:
            state.memory.append((state.cases, rss_mb(pid)))
        spent = before + cpu_s(pid) + children_cpu_s(pid) + time.process_time() - own
        bar.update(max(0, round(spent) - bar.n))
        bar.set_postfix(cases=state.cases, findings=len(state.lost), refresh=False)
        state.spent_s = max(spent, state.spent_s)
    await meter.probe.close()


async def _confirm(
    meter: Meter, case: Case, found: list[Excess], state: State, name: str, folder: Path
) -> None:
    """Note each excess that repeats when the case is sent alone; save the case."""
    for excess in found:
        state.repeated[excess.kind, case.label] += 1
        if state.repeated[excess.kind, case.label] > PER_LABEL:
            continue
        confirmed = excess if excess.kind == "death" else await _repeated(meter, case, excess)
        if confirmed is None:
            state.repeated[excess.kind, case.label] -= 1
            continue
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name.replace(' ', '-')}.case"
        case.save(path)
        state.lost.append(f"{case.label}: {confirmed.text} ({name}, {path})")
        tqdm.write(state.lost[-1], file=sys.stderr)


async def _repeated(meter: Meter, case: Case, excess: Excess) -> Excess | None:
    """The smallest excess of this kind of all replays; None if one replay has none of it."""
    smallest: tuple[float, Excess] | None = None
    for _ in range(REPLAYS):
        cost = await meter.cost(case, probed=excess.kind == "stall")
        same = next((one for one in excesses((case,), cost) if one.kind == excess.kind), None)
        if same is None:
            return None
        amount = _amount(cost, excess.kind)
        if smallest is None or amount < smallest[0]:
            smallest = amount, same
    assert smallest is not None
    return smallest[1]


def _amount(cost: Cost, kind: str) -> float:
    return {"main": cost.main_s, "children": cost.children_s, "stall": cost.stall_s}.get(kind, 0.0)


def _end_of_process(state: State) -> None:
    """Turn the samples of memory of one process into a slope."""
    warm = state.memory[int(len(state.memory) * WARM) :]
    if len(warm) >= 10:
        state.slopes.append(statistics.linear_regression(*zip(*warm, strict=True)).slope * PER)
    state.memory.clear()
