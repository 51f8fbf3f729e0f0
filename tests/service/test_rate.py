"""The limit on each client's requests per second."""

import time
from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from service import rate
from service.app import create_app
from service.rate import Buckets
from service.settings import Settings


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_burst_and_then_the_rate(clock: Clock) -> None:
    buckets = Buckets(2, 3, clock)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, pytest.approx(0.5)]
    clock.now += 0.5
    assert [buckets.take("a") for _ in range(2)] == [0, pytest.approx(0.5)]
    clock.now += 60
    assert [bool(buckets.take("a")) for _ in range(4)] == [False, False, False, True]


def test_over_a_long_time_it_is_the_rate_whatever_is_asked(clock: Clock) -> None:
    buckets = Buckets(10, 5, clock)
    admitted = 0
    for _ in range(10_000):
        admitted += not buckets.take("a")
        clock.now += 0.001
    assert admitted in (104, 105)


def test_refused_requests_cost_nothing(clock: Clock) -> None:
    buckets = Buckets(1, 1, clock)
    buckets.take("a")
    waits = [buckets.take("a") for _ in range(50)]
    assert waits == [pytest.approx(1.0)] * 50


def test_clients_are_apart_and_forgotten_when_full(clock: Clock) -> None:
    buckets = Buckets(1, 1, clock)
    assert [buckets.take(name) for name in "abc"] == [0, 0, 0]
    assert len(buckets) == 3
    clock.now += 2
    buckets.take("d")
    buckets.take("e")
    assert len(buckets) == 2


def test_what_is_remembered_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "CLIENTS", 10)
    buckets = Buckets(0.001, 1, clock)
    for number in range(100):
        buckets.take(str(number))
    assert len(buckets) == 10
    assert buckets.take("99") > 0
    assert buckets.take("1") == 0


@pytest.fixture
async def limited(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        settings.model_copy(
            update={
                "rate_limit": 0.01,
                "rate_burst": 2,
                "api_keys": [SecretStr("a" * 16), SecretStr("b" * 16)],
            }
        )
    )
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client,
    ):
        yield client


async def test_a_client_that_asks_too_often_is_429_and_the_others_are_not(limited: httpx.AsyncClient) -> None:
    one, other = {"X-API-Key": "a" * 16}, {"X-API-Key": "b" * 16}
    codes = [(await limited.get("/models", headers=one)).status_code for _ in range(2)]
    answer = await limited.get("/models", headers=one)
    assert (*codes, answer.status_code, answer.json()["code"]) == (200, 200, 429, "too-many-requests")
    assert 90 <= int(answer.headers["retry-after"]) <= 100
    assert (await limited.get("/models", headers=other)).status_code == 200
    for path in ("/health/ready", "/v2/health/live", "/metrics", "/", "/web/app.js", "/docs"):
        assert (await limited.get(path, headers=one)).status_code == 200, path


async def test_without_the_setting_it_is_not_there(settings: Settings) -> None:
    names = {str(layer.cls) for layer in create_app(settings).user_middleware}
    assert not any("RateLimit" in name or "Guard" in name for name in names)


def test_forgetting_costs_the_same_however_many_are_forgotten(clock: Clock) -> None:
    """A plain dict walks over its deleted entries to find the first one that is left."""
    buckets = Buckets(0.001, 1, clock)
    for number in range(rate.CLIENTS):
        buckets.take(str(number))
    start = time.process_time()
    for number in range(60_000):
        buckets.take(f"another {number}")
    assert time.process_time() - start < 0.8  # 0.08 s; 2 s with a dict.
