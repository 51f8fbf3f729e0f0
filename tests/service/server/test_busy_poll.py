"""How long the loop turns after an answer, and that it then sleeps."""

import asyncio
import os
import time
from pathlib import Path
from subprocess import Popen

import httpx
import pytest

from service.server import busy_poll
from service.server.busy_poll import BusyPoll
from tests.service.conftest import start_server


class Clock:
    now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(busy_poll, "time", clock)
    return clock


class Counted(BusyPoll):
    turns = 0

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self.turns += 1
        super()._turn(loop)


async def turns(poll: Counted, loops: int) -> int:
    """How often it turned while the loop went round so often."""
    before = poll.turns
    for _ in range(loops):
        await asyncio.sleep(0)
    return poll.turns - before


async def test_the_loop_turns_until_the_time_is_over_and_not_longer(clock: Clock) -> None:
    poll = Counted(1.0)
    poll.begin(asyncio.get_running_loop())
    assert await turns(poll, 10) == 10
    clock.now = 0.99
    assert await turns(poll, 5) == 5
    clock.now = 1.0
    assert await turns(poll, 10) == 1


async def test_each_answer_begins_the_time_anew_but_no_second_turning(clock: Clock) -> None:
    poll = Counted(1.0)
    loop = asyncio.get_running_loop()
    poll.begin(loop)
    clock.now = 0.9
    poll.begin(loop)
    clock.now = 1.5
    assert await turns(poll, 10) == 10
    clock.now = 2.0
    await turns(poll, 2)
    assert await turns(poll, 10) == 0
    poll.begin(loop)
    assert await turns(poll, 10) == 10


def used_s(process: Popen[str]) -> float:
    """Processor time, in seconds."""
    ticks = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize(("window_us", "awake"), [("100000", True), ("0", False)])
def test_a_server_is_awake_for_that_long_and_then_sleeps(
    models_dir: Path, window_us: str, awake: bool
) -> None:
    with start_server(models_dir, BUSY_POLL_US=window_us) as server, httpx.Client() as http:
        for _ in range(3):
            http.get(f"{server.url}/health/live")
        before = used_s(server.process)
        http.get(f"{server.url}/health/live")
        time.sleep(0.5)
        after = used_s(server.process)
        assert (after - before > 0.03) == awake
        time.sleep(0.5)
        assert used_s(server.process) - after <= 0.03
