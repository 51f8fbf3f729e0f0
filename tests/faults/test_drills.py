"""Every drill, with real server processes: nothing may be lost.

What only a quiet machine can measure is left to `python -m benchmarks faults`.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from benchmarks.faults import bundles, clients, hostile, overload, shutdown, soak
from benchmarks.faults.finding import Finding

Drill = Callable[[Path], Awaitable[Finding]]
DRILLS: dict[str, Drill] = {
    "overload": lambda models: overload.flood(3, models_dir=models),
    "bound": lambda models: overload.bound(5, models_dir=models),
    "leaving": lambda models: clients.leaving(3, models_dir=models),
    "slow": lambda models: clients.slow(40, timeout_s=2, rounds=1, models_dir=models),
    "headers": lambda models: clients.large_headers(20, models_dir=models),
    "pipelining": lambda models: clients.pipelined(300, models_dir=models),
    "idle": lambda models: clients.idle(200, rounds=1, models_dir=models),
    "shutdown": lambda models: shutdown.rolling(300, restarts=2, models_dir=models),
    "second-signal": lambda models: shutdown.second_signal(1, models_dir=models),
    "bundles": lambda models: bundles.mutants(44, models_dir=models),
    "reload": lambda models: bundles.reloads(10, models_dir=models),
    "hostile": lambda models: hostile.refused(1, models_dir=models),
    "soak": lambda models: soak.soak(0.1, models_dir=models),
}


@pytest.mark.anyio
@pytest.mark.parametrize("name", DRILLS)
async def test_nothing_is_lost(name: str, models_dir: Path) -> None:
    finding = await DRILLS[name](models_dir)
    assert not finding.lost
    assert [str(figure) for figure in finding.figures if not (figure.met or figure.timing)] == []
