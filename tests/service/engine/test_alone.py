"""A request that is alone runs at once; as soon as there is another, they share a run."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from service.engine.batcher import LOOP_ROWS
from service.errors import ServiceError
from tests.service.engine.bench import Bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    bench.pool.under_way = {"a request"}
    yield bench
    bench.pool.close()


async def answered_in_its_first_turn(bench: Bench, *values: float) -> bool:
    """Whether the answer was there before the batcher gave way to the loop even once; waits for it if not."""
    asked = bench.start(*values)
    await asyncio.sleep(0)
    at_once = asked.done()
    bench.network.go.set()
    assert await asked == [2 * value for value in values]
    return at_once


async def test_who_is_alone_is_answered_without_a_turn_of_the_loop(bench: Bench) -> None:
    assert await answered_in_its_first_turn(bench, 1, 2)
    assert bench.images == 0
    statistics = bench.statistics
    assert (statistics.success.count, statistics.queue.count, statistics.fail.count) == (1, 1, 0)
    assert statistics.success.ns >= statistics.compute_ns > 0
    assert (statistics.inferences, statistics.runs.count) == (2, 1)


async def test_two_share_a_run(bench: Bench) -> None:
    bench.pool.under_way = {"a request", "another"}
    assert list(await asyncio.gather(bench.ask(1), bench.ask(2))) == [[2.0], [4.0]]
    assert bench.network.batches == [[1, 2]]


async def test_without_a_server_that_counts_nobody_is_alone(bench: Bench) -> None:
    bench.pool.under_way = ()
    assert not await answered_in_its_first_turn(bench, 1)


async def test_what_is_large_leaves_the_loop_to_others(bench: Bench) -> None:
    assert not await answered_in_its_first_turn(bench, *range(LOOP_ROWS + 1))


async def test_none_is_overtaken(bench: Bench) -> None:
    held = await bench.busy()
    assert not await answered_in_its_first_turn(bench, 1)
    await asyncio.gather(*held)


async def test_the_bound_holds() -> None:
    bench = Bench(limit=1)
    bench.pool.under_way = {"a request"}
    with pytest.raises(ServiceError) as refused:
        await bench.ask(1, 2)
    assert (refused.value.status, refused.value.code) == (422, "more-than-queue")


async def test_a_deadline_that_passed_is_told(bench: Bench) -> None:
    with pytest.raises(ServiceError) as late:
        await bench.ask(1, within=-1)
    assert late.value.code == "deadline"
    assert bench.network.batches == []


async def test_a_network_that_fails_is_told_and_counted(bench: Bench) -> None:
    bench.network.error = RuntimeError("broken")
    with pytest.raises(ServiceError) as failed:
        await bench.ask(1)
    assert failed.value.code == "inference-failed"
    assert (bench.drops, bench.statistics.inferences) == ({"inference-failed": 1}, 0)
    assert (bench.statistics.fail.count, bench.statistics.success.count) == (1, 0)
    bench.network.error = None
    assert await bench.ask(1) == [2]
