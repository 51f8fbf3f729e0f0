"""Runs that never end by themselves."""

import threading
import time

import numpy as np
import pytest

from service.engine import runs as module
from service.engine.runs import Runs
from service.engine.session import Session
from tests.service import bundles

Z = np.zeros((2, bundles.LATENT), np.float32)


class Options:
    terminate = False


def test_a_run_is_ended_after_its_limit_in_rounds() -> None:
    runs, options = Runs(), Options()
    runs.begin(options, 2 * module.PERIOD_S)
    for _ in range(3):
        runs.round()
        assert not options.terminate
    runs.round()
    assert options.terminate


def test_a_run_without_a_limit_of_its_own_has_the_default() -> None:
    limited, unlimited = Options(), Options()
    some, none = Runs(module.PERIOD_S), Runs()
    some.begin(limited)
    none.begin(unlimited)
    for _ in range(100):
        some.round()
        none.round()
    assert (limited.terminate, unlimited.terminate) == (True, False)


def test_a_run_that_ended_is_forgotten() -> None:
    runs, options = Runs(), Options()
    runs.end(runs.begin(options, 0))
    for _ in range(3):
        runs.round()
    runs.close()
    assert not options.terminate


def test_after_close_every_run_ends() -> None:
    runs, before, after = Runs(), Options(), Options()
    runs.begin(before)
    runs.close()
    runs.begin(after)
    assert (before.terminate, after.terminate) == (True, True)


def test_the_watchdog_counts_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PERIOD_S", 0.001)
    runs, options = Runs(), Options()
    runs.watch()
    runs.begin(options, 0.005)
    until = time.monotonic() + 10
    while not options.terminate and time.monotonic() < until:
        time.sleep(0.001)
    assert options.terminate
    runs.close()


def test_an_endless_loop_in_onnxruntime_ends() -> None:
    runs = Runs()
    session = Session(bundles.endless(always=True).SerializeToString(), "cpu", runs)
    errors: list[Exception] = []

    def run() -> None:
        try:
            session.run({"z": Z})
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(0.1)
    assert thread.is_alive()
    runs.close()
    thread.join(10)
    assert "terminate" in str(errors[0])
