"""Decoding and encoding under bounds, as callers see them."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from service.app import create_app
from service.settings import Settings
from tests.service.api.pictures import encoded, refused

pytestmark = pytest.mark.anyio

DRAWING = encoded(np.kron(np.eye(28, dtype=np.uint8) * 255, np.ones((10, 10), np.uint8)))
"""280x280: larger than what is decoded without a worker."""
FILM = {"from": 1, "to": 2, "steps": 128, "labels": 3, "scale": 9, "format": "webp"}


async def score(client: httpx.AsyncClient, data: bytes = DRAWING) -> httpx.Response:
    return await client.post("/score?model=tiny", content=data, headers={"Content-Type": "image/png"})


@pytest.fixture
async def strict(settings: Settings, request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application with the settings that the test's mark `changed` names."""
    app = create_app(settings.model_copy(update=request.param))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service") as client,
    ):
        yield client


@pytest.mark.parametrize("strict", [{"image_cpu_s": 0.001}], indirect=True)
async def test_an_image_that_costs_too_much_is_refused(strict: httpx.AsyncClient) -> None:
    side = 2000
    noise = np.random.default_rng(0).integers(0, 2, (side, side), np.uint8) * 255
    noise[8:] = 0  # 4 megapixels in a few kB
    answer = await score(strict, encoded(noise))
    assert refused(answer, 422, "processor time")["code"] == "image-too-costly"
    assert (await score(strict, encoded(np.zeros((28, 28), np.uint8)))).status_code == 200


@pytest.mark.parametrize("strict", [{"image_cpu_s": 0.3}], indirect=True)
async def test_the_images_of_a_request_share_their_processor_time(strict: httpx.AsyncClient) -> None:
    """One of these takes some 10 to 30 ms, and all of them more than 0.4 s."""
    blank = np.zeros((2000, 2000, 3), np.uint8)
    blank[500:1500, 900:1100] = 255
    files = [("files", (f"{i}.png", encoded(blank))) for i in range(64)]
    answer = await strict.post("/score?model=tiny", files=files)
    assert refused(answer, 422, "send fewer images")["code"] == "image-too-costly"
    assert (await strict.post("/score?model=tiny", files=files[:2])).status_code == 200


@pytest.mark.parametrize("strict", [{"deadline_s": 0.05}], indirect=True)
async def test_an_animation_past_the_deadline_is_504(strict: httpx.AsyncClient) -> None:
    refused(await strict.post("/interpolate", json=FILM), 504, "deadline")


def hold(app: FastAPI, client: str) -> None:
    """Fill the share of a client in the image workers."""
    requests = app.state.image_workers.requests
    requests.reserve(client, requests.per_client)


@pytest.mark.parametrize("kind", ["decode", "encode", "mask"])
async def test_a_client_with_its_share_in_use_is_429(
    client: httpx.AsyncClient, app: FastAPI, kind: str
) -> None:
    hold(app, "127.0.0.1")
    answer = await work(client, kind)
    assert refused(answer, 429, "wait for answers")["code"] == "too-much-image-work"
    assert answer.headers["retry-after"] == "1"
    small = await score(client, encoded(np.zeros((28, 28), np.uint8)))
    assert small.status_code == 200  # it needs no worker


@pytest.mark.parametrize("kind", ["decode", "encode", "mask"])
async def test_without_a_place_the_answer_is_503(client: httpx.AsyncClient, app: FastAPI, kind: str) -> None:
    for other in range(4):
        hold(app, f"client {other}")
    answer = await work(client, kind)
    assert refused(answer, 503, "try again")["code"] == "image-queue-full"
    assert answer.headers["retry-after"] == "1"


async def work(client: httpx.AsyncClient, kind: str) -> httpx.Response:
    if kind == "decode":
        return await score(client)
    if kind == "encode":
        return await client.post("/interpolate", json=FILM)
    files = {"files": ("a.png", encoded(np.zeros((28, 28), np.uint8))), "mask": ("m.png", DRAWING)}
    return await client.post("/encode?model=tiny", files=files)


async def test_places_are_given_back(client: httpx.AsyncClient, app: FastAPI) -> None:
    await score(client)
    await score(client, b"no image" * 9000)
    await client.post("/interpolate", json=FILM | {"steps": 2})
    assert app.state.image_workers.requests.used == 0
    assert app.state.body_memory.used == 0


async def test_uploads_that_wait_hold_no_places_in_the_image_queue(
    client: httpx.AsyncClient, app: FastAPI
) -> None:
    """Others are served while every image worker is busy."""
    workers = app.state.image_workers
    busy = [
        asyncio.create_task(workers.run(name, forever, time.monotonic() + 60)) for name in ("one", "other")
    ]
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(score(client)) for _ in range(3)]
    try:
        while workers.requests.used < len(waiting):
            await asyncio.sleep(0.001)
        assert app.state.registry.get("tiny").discriminator.backlog.images == 0
        answer = await client.post("/generate", json={"labels": 7, "seed": 1})
        assert answer.status_code == 200
    finally:
        for task in busy:
            task.cancel()
    assert [(await one).status_code for one in waiting] == [200] * 3
    await asyncio.gather(*busy, return_exceptions=True)


def forever() -> list[bytes]:
    time.sleep(60)
    return []


@pytest.mark.parametrize(
    "body",
    [
        {"n": 64, "scale": 8, "seed": 1, "labels": 7},
        {"n": 64, "scale": 8, "seed": 1, "labels": 7, "format": "png"},
        {"n": 64, "scale": 8, "seed": 1, "labels": 7, "format": "zip"},
    ],
)
async def test_large_answers_are_those_of_small_ones(
    client: httpx.AsyncClient, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker writes the same bytes as the service itself."""
    in_worker = await client.post("/generate", json=body)
    monkeypatch.setattr("service.api.image_work.INLINE_PIXELS", 2**24)
    inline = await client.post("/generate", json=body)
    if body.get("format") is None:
        assert in_worker.json()["images"] == inline.json()["images"]
    else:
        assert in_worker.content == inline.content


@pytest.mark.parametrize("kind", ["json", "png"])
@pytest.mark.parametrize(
    ("n", "scale", "in_worker"),
    [(256, 1, False), (64, 2, False), (65, 2, True), (28, 3, False), (29, 3, True)],
)
async def test_more_than_256_images_worth_of_pixels_are_encoded_in_a_worker(
    client: httpx.AsyncClient, app: FastAPI, kind: str, n: int, scale: int, in_worker: bool
) -> None:
    """Counted without the empty tiles of a grid."""
    hold(app, "127.0.0.1")
    body = {"model": "tiny", "n": n, "scale": scale, "format": kind, "columns": 1}
    assert (await client.post("/generate", json=body)).status_code == (429 if in_worker else 200)
