"""Daemon threads."""

import threading

from service.engine.workers import Workers, any_alive


def test_calls_run_in_so_many_threads_at_once() -> None:
    workers = Workers(3, "test")
    barrier = threading.Barrier(4)

    def meet() -> None:
        barrier.wait(10)

    for _ in range(3):
        workers.submit(meet)
    barrier.wait(10)
    workers.close(10)
    assert not any_alive()


def test_a_call_that_never_returns_does_not_hold_up_close() -> None:
    workers = Workers(1, "test")
    begun, go, dropped = threading.Event(), threading.Event(), threading.Event()

    def stuck() -> None:
        begun.set()
        go.wait()

    workers.submit(stuck)
    workers.submit(dropped.set)
    assert begun.wait(10)
    workers.close(0.01)
    assert any_alive()
    workers.submit(dropped.set)
    go.set()
    workers.close(10)
    assert not any_alive()
    assert not dropped.is_set()
