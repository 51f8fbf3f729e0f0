"""How long the loop turns after an answer, and that it then sleeps."""

import asyncio
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


def state(process: Popen[str]) -> str:
    """R for running or ready to run, S for sleeping."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]


def sleeps(process: Popen[str]) -> int:
    """Return the number of times that it gave the processor up for lack of work."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


def test_a_server_is_awake_after_an_answer_and_then_sleeps(models_dir: Path) -> None:
    with start_server(models_dir, BUSY_POLL_US="100000") as server, httpx.Client() as http:
        states = []
        for _ in range(20):
            http.get(f"{server.url}/health/live")
            time.sleep(0.01)
            states.append(state(server.process))
        # On a busy machine, this process may now and then be away for longer than the server looks out.
        assert states.count("R") >= 15
        until = time.monotonic() + 30
        while state(server.process) != "S":
            assert time.monotonic() < until, "the server never sleeps"
            time.sleep(0.01)


def test_a_server_that_is_not_to_poll_sleeps_between_requests(models_dir: Path) -> None:
    with start_server(models_dir, BUSY_POLL_US="0") as server, httpx.Client() as http:
        http.get(f"{server.url}/health/live")
        before = sleeps(server.process)
        for _ in range(20):
            http.get(f"{server.url}/health/live")
            time.sleep(0.025)
        # On a busy machine, a request may now and then come before the server got to sleep.
        assert sleeps(server.process) - before >= 10
