"""Batches: what runs together, the bound, fairness, deadlines, clients that leave, and failures."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine.backlog import Bounds
from service.engine.batcher import Batcher
from service.engine.bundle import load_bundle
from service.engine.pool import Pool
from service.engine.session import Array
from service.errors import ServiceError
from tests.service.bundles import LATENT, write_bundle
from tests.service.engine.bench import Bench, Doubler, until


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    bench.network.go.set()
    bench.pool.close()


def code(task: asyncio.Task[list[float]]) -> str:
    error = task.exception()
    assert isinstance(error, ServiceError)
    return error.code


async def test_what_is_asked_in_one_turn_runs_together(bench: Bench) -> None:
    answers = await asyncio.gather(bench.ask(1), bench.ask(2, 3), bench.ask(4))
    assert list(answers) == [[2.0], [4.0, 6.0], [8.0]]
    assert bench.network.batches == [[1, 2, 3, 4]]
    assert (bench.statistics.runs.count, bench.statistics.inferences) == (1, 4)
    assert bench.images == 0


async def test_one_alone_does_not_wait_for_others(bench: Bench) -> None:
    assert await bench.ask(1) == [2]
    assert await bench.ask(2) == [4]
    assert bench.network.batches == [[1], [2]]


async def test_small_runs_are_inline_and_large_ones_in_threads(bench: Bench) -> None:
    threads = []
    run = bench.network.run

    def remember(feeds: Mapping[str, Array], limit_s: float = 0) -> Array:
        threads.append(threading.current_thread() is threading.main_thread())
        return run(feeds)

    bench.network.run = remember  # type: ignore[method-assign]
    await bench.ask(*range(32))
    await bench.ask(*range(33))
    assert threads == [True, False]


async def test_a_large_request_is_split_and_put_together_in_order(bench: Bench) -> None:
    values = list(range(200))
    assert await bench.ask(*values) == [2 * value for value in values]
    assert sorted(map(len, bench.network.batches)) == [8, 64, 64, 64]
    assert bench.images == 0


async def test_runs_at_once_never_exceed_the_threads(bench: Bench) -> None:
    held = await bench.busy()
    waiting = [bench.start(*range(200)), bench.start(1)]
    await asyncio.sleep(0.02)
    assert bench.network.together == 2
    bench.network.go.set()
    await asyncio.gather(*held, *waiting)
    assert bench.network.most_together == 2


async def test_a_large_request_does_not_starve_small_ones(bench: Bench) -> None:
    held = await bench.busy()
    large = bench.start(*range(1000, 1256))
    small = [bench.start(value) for value in range(10)]
    await asyncio.sleep(0)
    bench.network.batches.clear()
    bench.network.go.set()
    await asyncio.gather(large, *small, *held)
    assert set(range(10)) <= set(bench.network.batches[0])
    assert len(bench.network.batches[0]) == 64


async def test_jobs_that_were_served_go_behind_those_that_were_not() -> None:
    bench = Bench(threads=1, max_batch=4)
    bench.network.go.clear()
    held = bench.start(*range(33))  # 33 rows in runs of 4 keep the order visible.
    others = [bench.start(100 + number, 200 + number) for number in range(5)]
    bench.network.go.set()
    await asyncio.gather(held, *others)
    firsts = [next(i for i, batch in enumerate(bench.network.batches) if 100 + n in batch) for n in range(5)]
    assert max(firsts) <= 1
    bench.pool.close()


async def test_models_take_turns(bench: Bench) -> None:
    order: list[str] = []

    class Named(Doubler):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def run(self, feeds: Mapping[str, Array], limit_s: float = 0) -> Array:
            order.append(self.name)
            return super().run(feeds)

    batchers = [bench.another(Named(name), 2) for name in "ab"]
    rows = {"x": np.zeros((6, 1), np.float32)}
    await asyncio.gather(*(batcher.submit(rows, float("inf")) for batcher in batchers))
    assert order == ["a", "b", "a", "b", "a", "b"]


async def test_the_bound_is_exact(bench: Bench) -> None:
    held = await bench.busy()
    room = bench.pool.bounds.images - bench.images
    last = bench.start(*range(room))
    await asyncio.sleep(0)
    assert bench.images == bench.pool.bounds.images
    with pytest.raises(ServiceError) as caught:
        await bench.ask(1)
    assert (caught.value.status, caught.value.code) == (503, "queue-full")
    assert caught.value.headers == {"Retry-After": "1"}
    assert bench.batcher.statistics.fail.count == 1
    bench.network.go.set()
    await asyncio.gather(last, *held)
    assert bench.images == 0
    assert await bench.ask(1) == [2]


async def test_a_request_larger_than_the_queue_is_refused() -> None:
    bench = Bench(limit=10)
    with pytest.raises(ServiceError):
        await bench.ask(*range(11))
    assert await bench.ask(*range(10))
    bench.pool.close()


async def test_a_deadline_passes_while_waiting(bench: Bench) -> None:
    held = await bench.busy()
    start = time.monotonic()
    late = bench.start(*range(5), within=0.05)
    await asyncio.wait([late], timeout=5)
    assert 0.03 < time.monotonic() - start < 2
    assert code(late) == "deadline"
    assert bench.drops == {"deadline": 5}
    assert bench.images == 128
    bench.network.go.set()
    await asyncio.gather(*held)
    assert bench.statistics.inferences == 128


async def test_a_deadline_passes_while_running(bench: Bench) -> None:
    bench.network.go.clear()
    late = bench.start(*range(40), within=0.05)
    await asyncio.wait([late], timeout=5)
    assert code(late) == "deadline"
    assert bench.images == 40  # The run goes on, and its rows take room until it ends.
    bench.network.go.set()
    await until(lambda: bench.images == 0)
    assert bench.drops == {}


async def test_a_deadline_that_is_over_is_never_run(bench: Bench) -> None:
    with pytest.raises(ServiceError) as caught:
        await bench.ask(1, within=-1)
    assert caught.value.status == 504
    assert bench.network.batches == []
    assert bench.drops == {"deadline": 1}


async def test_who_left_is_dropped_before_the_run(bench: Bench) -> None:
    held = await bench.busy()
    gone, stays = bench.start(*range(900, 910)), bench.start(7)
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    assert bench.images == 128 + 1
    assert bench.drops == {"cancelled": 10}
    bench.network.go.set()
    assert await stays == [14]
    await asyncio.gather(*held)
    assert not any(900 in batch for batch in bench.network.batches)
    assert gone.cancelled()


async def test_who_left_amid_runs_loses_only_the_rest(bench: Bench) -> None:
    bench.network.go.clear()
    task = bench.start(*range(256))
    await until(lambda: bench.network.together == 2)
    task.cancel()
    await asyncio.wait([task])
    assert bench.drops == {"cancelled": 128}
    bench.network.go.set()
    await until(lambda: bench.images == 0)
    assert len(bench.network.batches) == 2
    assert await bench.ask(1) == [2]


@pytest.mark.parametrize("size", [1, 40, 200])
async def test_a_failing_run_is_500_for_its_callers_and_no_one_else(bench: Bench, size: int) -> None:
    bench.network.error = RuntimeError("secret /path")
    asked = [bench.start(*range(size)), bench.start(1)]
    await asyncio.wait(asked)
    assert {code(task) for task in asked} == {"inference-failed"}
    assert "secret" not in str(asked[0].exception())
    await until(lambda: bench.images == 0)
    assert bench.statistics.inferences == 0
    assert bench.drops == {"inference-failed": size + 1}
    bench.network.error = None
    assert await bench.ask(1) == [2]


async def test_a_network_that_loses_rows_is_a_failure(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.network, "run", lambda feeds, limit_s: feeds["x"][1:])
    asked = [bench.start(1), bench.start(2)]
    await asyncio.wait(asked)
    assert [code(task) for task in asked] == ["inference-failed"] * 2


@pytest.mark.parametrize(
    "feeds",
    [
        {},
        {"y": np.zeros((1, 1), np.float32)},
        {"x": np.zeros((1, 1), np.float32), "y": np.zeros((1, 1), np.float32)},
        {"x": np.zeros((0, 1), np.float32)},
        {"x": np.zeros((1, 2), np.float32)},
        {"x": np.zeros(1, np.float32)},
        {"x": np.zeros((1, 1))},
    ],
)
async def test_rows_that_would_break_the_others_run_are_refused(
    bench: Bench, feeds: dict[str, Array]
) -> None:
    other = bench.start(1)
    with pytest.raises(ValueError, match="needs"):
        await bench.batcher.submit(feeds, float("inf"))
    assert await other == [2]
    assert bench.images == 0


@given(
    sizes=st.lists(st.integers(1, 90), min_size=1, max_size=30),
    max_batch=st.integers(1, 70),
    threads=st.integers(1, 3),
    cancelled=st.sets(st.integers(0, 29)),
)
@settings(max_examples=40, deadline=None)
async def test_everyone_gets_their_own_rows(
    sizes: list[int], max_batch: int, threads: int, cancelled: set[int]
) -> None:
    bench = Bench(threads=threads, limit=10_000, max_batch=max_batch)
    tasks = [bench.start(*(1000 * number + row for row in range(size))) for number, size in enumerate(sizes)]
    await asyncio.sleep(0)
    for number in cancelled & set(range(len(sizes))):
        tasks[number].cancel()
    await asyncio.wait(tasks)
    for number, (task, size) in enumerate(zip(tasks, sizes, strict=True)):
        if not task.cancelled():
            assert task.result() == [2 * (1000 * number + row) for row in range(size)]
    await until(lambda: bench.images == 0)
    assert bench.statistics.inferences + sum(bench.drops.values()) == sum(sizes)
    assert max(map(len, bench.network.batches), default=0) <= max_batch
    assert bench.network.most_together <= threads
    bench.pool.close()


async def test_bytes_do_not_depend_on_the_company(tmp_path: Path) -> None:
    """A real network: each row's image is the same alone, in any batch, and in a request that is split."""
    session = load_bundle(write_bundle(tmp_path, "tiny_cond", conditional=True), "cpu").sessions["generator"]
    pool = Pool(2, Bounds(1024), run_limit_s=10)
    batcher = Batcher(session, pool, max_batch=64, inputs=session.inputs)
    z = np.random.RandomState(3).standard_normal((256, LATENT)).astype(np.float32)
    label: Array = np.arange(256) % 10

    async def images(start: int, stop: int) -> Array:
        feeds = {"z": z[start:stop], "label": label[start:stop]}
        return await batcher.submit(feeds, float("inf"))

    whole = await images(0, 256)
    for size in (1, 2, 3, 5, 16, 31, 33, 64, 100):
        cuts = range(0, 256, size)
        parts = await asyncio.gather(*(images(cut, min(cut + size, 256)) for cut in cuts))
        assert np.array_equal(np.concatenate(parts), whole)
    assert np.array_equal(np.concatenate([await images(row, row + 1) for row in range(256)]), whole)
    pool.close()


async def test_statistics_tell_requests_from_images_and_runs() -> None:
    bench = Bench(max_batch=4)
    await asyncio.gather(bench.ask(1), bench.ask(2, 3), bench.ask(*range(5)))
    held = bench.statistics
    assert (held.success.count, held.fail.count, held.queue.count) == (3, 0, 3)
    assert (held.inferences, held.runs.count) == (8, len(bench.network.batches))
    assert held.success.ns >= held.queue.ns > 0


async def test_statistics_of_what_fails() -> None:
    bench = Bench(limit=2)
    with pytest.raises(ServiceError):
        await bench.ask(1, 2, 3)
    bench.network.error = RuntimeError("broken")
    with pytest.raises(ServiceError):
        await bench.ask(1)
    assert (bench.statistics.success.count, bench.statistics.fail.count) == (0, 2)
    assert bench.statistics.runs.count == 0
