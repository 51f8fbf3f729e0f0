"""Image workers end what takes too long, and share themselves fairly."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import numpy as np
import pytest

from service.budget import Budget
from service.imaging import encode, jobs
from service.imaging.decode import ImageLimits
from service.imaging.errors import ImageError
from service.imaging.wire import MAX_BYTES
from service.imaging.worker_process import GRACE_S, JobFailed, WorkerProcess
from service.imaging.workers import ImageWorkers
from tests.service.imaging.pictures import LIMITS, saved, seven

pytestmark = pytest.mark.anyio

PATIENCE_S = 60


def soon() -> float:
    """A deadline that no test reaches, on the clock of time.monotonic."""
    return time.monotonic() + PATIENCE_S


@asynccontextmanager
async def workers(count: int = 2) -> AsyncIterator[ImageWorkers]:
    made = ImageWorkers(count, Budget(100, 100), Budget(1 << 30, 1 << 30), pixels=16_000_000)
    try:
        yield made
    finally:
        made.close()


# Jobs: at the top of a module, so that they pickle.


def spin() -> list[bytes]:
    """Use the processor without end."""
    while True:
        pass


def sleep() -> list[bytes]:
    time.sleep(PATIENCE_S)
    return []


def pid() -> list[bytes]:
    return [str(os.getpid()).encode()]


def signalled(number: int) -> list[bytes]:
    os.kill(os.getpid(), number)
    return []


def noisy() -> list[bytes]:
    for stream in (1, 2):
        os.write(stream, b"noise")
    return [b"done"]


def greedy() -> list[bytes]:
    return [bytes(1 << 30)]


async def test_a_job_gives_its_bytes() -> None:
    async with workers() as pool:
        image = encode.enlarge(seven(), 5)
        job = partial(jobs.decode_image, saved(image), LIMITS, None, None)
        assert jobs.decoded((await pool.run("a", job, soon())).strings).steps[-1] == "centred by mass"
        images = np.stack([seven()] * 3)
        answer = await pool.run("a", partial(jobs.pngs, images, 2), soon())
        assert answer.strings == [encode.png(seven(), 2)] * 3


async def test_a_refused_image_says_why_and_the_process_stays() -> None:
    async with workers() as pool:
        before = (await pool.run("a", pid, soon())).strings
        with pytest.raises(ImageError) as caught:
            await pool.run("a", partial(jobs.decode_image, b"text", ImageLimits(9, 9), None, None), soon())
        assert (caught.value.code, caught.value.detail[:5]) == ("not-an-image", "this ")
        assert (await pool.run("a", pid, soon())).strings == before


async def test_processor_time_is_bounded_and_the_next_job_runs() -> None:
    async with workers() as pool:
        before = (await pool.run("a", pid, soon())).strings
        with pytest.raises(ImageError) as caught:
            await pool.run("a", spin, soon(), processor_s=0.05)
        assert caught.value.code == "image-too-costly"
        assert (await pool.run("a", pid, soon())).strings != before


def work() -> list[bytes]:
    """Use 50 ms of the processor."""
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    return []


async def test_a_job_tells_its_processor_time() -> None:
    async with workers() as pool:
        assert 0.05 <= (await pool.run("a", work, soon())).processor_s < 0.5
        assert (await pool.run("a", pid, soon())).processor_s < 0.05


async def test_the_deadline_ends_a_job_and_its_process() -> None:
    async with workers() as pool:
        ((before,), _) = await pool.run("a", pid, soon())
        with pytest.raises(TimeoutError):
            await pool.run("a", sleep, time.monotonic() + 0.1)
        await is_gone(int(before))
        await pool.run("a", pid, soon())


async def test_a_caller_that_leaves_ends_its_job() -> None:
    async with workers() as pool:
        ((before,), _) = await pool.run("a", pid, soon())
        task = asyncio.create_task(pool.run("a", sleep, soon()))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await is_gone(int(before))


async def test_a_process_ends_itself_when_the_service_cannot() -> None:
    """The alarm is set in the worker, so it rings even if the service was killed."""
    worker = await WorkerProcess.start(1 << 28)
    with pytest.raises(asyncio.IncompleteReadError):
        await worker._ask(sleep, 0.1 - GRACE_S, PATIENCE_S)
    worker.kill()


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
async def test_a_crash_is_a_refusal(number: int, caplog: pytest.LogCaptureFixture) -> None:
    async with workers() as pool:
        with pytest.raises(ImageError) as caught:
            await pool.run("a", partial(signalled, number), soon())
        assert caught.value.code == "broken-image"
        assert f"status {-number}" in caplog.text
        await pool.run("a", pid, soon())


async def test_a_bug_is_told_with_its_traceback() -> None:
    async with workers() as pool:
        with pytest.raises(JobFailed, match="ValueError"):
            await pool.run("a", partial(int, "x"), soon())  # type: ignore[arg-type]


async def test_memory_is_bounded() -> None:
    async with workers() as pool:
        with pytest.raises(JobFailed, match="MemoryError"):
            await pool.run("a", greedy, soon())


async def test_an_answer_larger_than_the_service_takes_is_refused() -> None:
    async with workers() as pool:
        with pytest.raises(ImageError):
            await pool.run("a", partial(too_large, MAX_BYTES + 1), soon())


def too_large(size: int) -> list[bytes]:
    return [bytes(size)]


async def test_nothing_reaches_the_logs_of_the_service(capfd: pytest.CaptureFixture[str]) -> None:
    async with workers() as pool:
        assert (await pool.run("a", noisy, soon())).strings == [b"done"]
    assert capfd.readouterr() == ("", "")


async def test_one_client_never_occupies_all_processes() -> None:
    async with workers(2) as pool:
        greedy_client = [asyncio.create_task(pool.run("a", sleep, soon())) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert await pool.run("b", pid, soon())
        for task in greedy_client:
            task.cancel()
        await asyncio.gather(*greedy_client, return_exceptions=True)
        assert await pool.run("a", pid, soon())


async def test_who_waits_in_vain_gives_up_at_the_deadline() -> None:
    async with workers(2) as pool:
        holds = asyncio.create_task(pool.run("a", sleep, soon()))
        await asyncio.sleep(0.05)
        with pytest.raises(TimeoutError):
            await pool.run("a", pid, time.monotonic() + 0.05)
        holds.cancel()
        await asyncio.gather(holds, return_exceptions=True)
        assert await pool.run("a", pid, soon())


async def test_processes_are_started_once_and_shared() -> None:
    async with workers(2) as pool:
        await pool.warm()
        answers = await asyncio.gather(*(pool.run(name, pid, soon()) for name in "abcdefgh"))
        assert 1 <= len({answer.strings[0] for answer in answers}) <= 2


async def test_closing_ends_the_processes() -> None:
    async with workers(1) as pool:
        ((before,), _) = await pool.run("a", pid, soon())
    await is_gone(int(before))


async def is_gone(process: int) -> None:
    """Wait until there is no such process; the test's own timeout ends the wait."""
    while True:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return
        await asyncio.sleep(0.01)
