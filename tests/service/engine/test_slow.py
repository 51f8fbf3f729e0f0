"""Slow networks: short runs in threads, and one thread left for others."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Mapping

import numpy as np
import pytest

from service.engine import pool
from service.engine.batcher import LOOP_ROWS, LOOP_S, RUN_S, Batcher
from service.engine.cost import Cost
from service.engine.session import Array
from service.errors import ServiceError
from tests.service.engine.bench import INPUTS, Bench, Doubler, until

SLOW_S = RUN_S


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    bench.pool.close()


async def ask(batcher: Batcher, rows: int) -> Array:
    return await batcher.submit({"x": np.ones((rows, 1), np.float32)}, float("inf"))


async def test_the_rows_of_a_run_are_bounded_by_their_cost(bench: Bench) -> None:
    network = Doubler()
    await ask(bench.another(network, row_s=RUN_S / 4.5), 20)
    assert max(map(len, network.batches)) == 5


@pytest.mark.parametrize(("rows", "row_s", "on_loop"), [(2, LOOP_S / 3, True), (4, LOOP_S / 3, False)])
async def test_only_short_runs_happen_on_the_loop(
    bench: Bench, rows: int, row_s: float, on_loop: bool
) -> None:
    threads = []

    class Remembering(Doubler):
        def run(self, feeds: Mapping[str, Array], limit_s: float = 0) -> Array:
            threads.append(threading.current_thread() is threading.main_thread())
            return super().run(feeds)

    batcher = bench.another(Remembering(), row_s=row_s)
    await ask(batcher, rows)
    bench.pool.under_way = {"a request"}
    await ask(batcher, rows)
    assert threads == [on_loop, on_loop]


async def test_slow_networks_leave_a_thread_to_one_that_is_in_use(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "RESERVED_S", 3600)
    await bench.ask(1)
    slow = Doubler()
    slow.go.clear()
    batchers = [bench.another(slow, row_s=SLOW_S) for _ in range(2)]
    asked = [asyncio.ensure_future(ask(batcher, 4)) for batcher in batchers]
    await until(lambda: slow.together == 1)
    for value in range(10):
        assert await bench.ask(value) == [2 * value]
    assert slow.together == 1
    slow.go.set()
    await asyncio.gather(*asked)
    assert slow.most_together == 1


async def test_a_slow_network_that_is_used_alone_has_all_threads(bench: Bench) -> None:
    slow = Doubler()
    slow.go.clear()
    asked = asyncio.ensure_future(ask(bench.another(slow, row_s=SLOW_S), 8))
    await until(lambda: slow.together == 2)
    slow.go.set()
    await asked


async def test_a_single_thread_serves_slow_networks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "RESERVED_S", 3600)
    bench = Bench(threads=1)
    await bench.ask(1)
    assert len(await ask(bench.another(Doubler(), row_s=SLOW_S), 8)) == 8
    bench.pool.close()


async def test_a_slow_network_never_fills_the_queue_of_another(bench: Bench) -> None:
    held = await bench.busy()
    slow = bench.another(Doubler(), row_s=SLOW_S)
    waiting = [asyncio.ensure_future(ask(slow, 256)) for _ in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(ServiceError, match="waiting for this network"):
        await ask(slow, 1)
    asked = bench.start(7)
    bench.network.go.set()
    assert await asked == [14]
    await asyncio.gather(*held, *waiting)


async def test_a_batcher_learns_from_its_runs_in_threads(bench: Bench) -> None:
    clock = iter(range(1000))
    cost = Cost(clock=lambda: float(next(clock)))
    batcher = Batcher(Doubler(), bench.pool, max_batch=64, inputs=INPUTS, cost=cost)
    await ask(batcher, LOOP_ROWS)
    assert cost.run_s(64) == 0
    cost.first_s = 2.0
    await ask(batcher, 1)
    assert cost.first_s == pytest.approx(2 - 1 / 16)


async def test_a_run_on_the_loop_that_was_not_short_is_learnt(bench: Bench) -> None:
    class Sleeper(Doubler):
        def run(self, feeds: Mapping[str, Array], limit_s: float = 0) -> Array:
            time.sleep(2 * LOOP_S)
            return super().run(feeds)

    batcher = Batcher(Sleeper(), bench.pool, max_batch=64, inputs=INPUTS)
    while batcher.on_loop(1):
        await ask(batcher, 1)
    assert batcher.cost.first_s > LOOP_S


async def test_a_run_that_fails_at_once_does_not_make_the_network_cheap(bench: Bench) -> None:
    cost = Cost(100.0, 100.0)
    network = Doubler()
    network.error = RuntimeError("broken")
    batcher = Batcher(network, bench.pool, max_batch=64, inputs=INPUTS, cost=cost)
    with pytest.raises(ServiceError):
        await ask(batcher, 1)
    assert cost.first_s == 100
