"""The client: what the service gives, typed; a busy service is asked again, a refusal is an exception."""

import asyncio
import base64
import time
from collections.abc import Callable, Iterator, Sequence
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from service.client import AsyncClient, Client, DigitsError, retry
from tests.service.api.pictures import digit, encoded, frames, of_png, of_zip, tiles
from tests.service.conftest import Server

pytestmark = pytest.mark.anyio

BUSY = {"status": 503, "code": "queue-full", "detail": "try again shortly"}
MODELS = {"models": [], "default": "x"}


@pytest.fixture
async def digits(app: FastAPI) -> AsyncClient:
    return AsyncClient("http://service", transport=httpx.ASGITransport(app), retries=0)


async def test_a_seed_is_the_same_image_by_every_way(digits: AsyncClient) -> None:
    array = await digits.array(seed=7, labels=[2, 0, 2, 6])
    told = await digits.generate(seed=7, labels=[2, 0, 2, 6], return_scores=True, return_latents=True)
    assert told.seed == 7
    assert [image.label for image in told.images] == [2, 0, 2, 6]
    for image, pixels in zip(told.images, array, strict=True):
        np.testing.assert_array_equal(of_png(base64.b64decode(image.b64_json)), pixels)
        assert image.score is not None
    picture = await digits.picture(seed=7, labels=[2, 0, 2, 6], columns=4, scale=2)
    np.testing.assert_array_equal(tiles(picture, 4, 2), array)
    archive = of_zip(await digits.picture(seed=7, labels=[2, 0, 2, 6], format="zip"))
    np.testing.assert_array_equal(np.stack(list(archive.values())), array)
    latents = [image.latent for image in told.images if image.latent is not None]
    decoded = await digits.decode(latents, labels=[2, 0, 2, 6])
    assert [image.b64_json for image in decoded.images] == [image.b64_json for image in told.images]


async def test_a_way_between_two_seeds(digits: AsyncClient) -> None:
    walk = await digits.interpolate(1, [0.0] * 4, steps=5, labels=3)
    assert (len(walk.images), walk.method) == (5, "slerp")
    assert len(frames(await digits.animate(1, 2, steps=4, labels=3))) == 4


async def test_pictures_are_given_as_bytes_path_or_pixels(digits: AsyncClient, tmp_path: Path) -> None:
    path = tmp_path / "digit.png"
    path.write_bytes(encoded(digit()))
    answer = await digits.score([path.read_bytes(), path, digit()], label=3)
    assert len({score.logit for score in answer.scores}) == 1
    classified = await digits.classify([digit()], model="tiny", return_images=True)
    assert len(classified.classifications[0].probabilities) == 10
    mask = np.zeros((28, 28), np.uint8)
    mask[14:] = 255
    filled = (await digits.encode([path], model="tiny", mask=mask, rounds=2, reconstruct=True)).encodings[0]
    assert filled.filled is not None
    np.testing.assert_array_equal(of_png(base64.b64decode(filled.filled))[:14], digit()[:14])


async def test_models(digits: AsyncClient) -> None:
    listed = await digits.models()
    assert listed["default"] == "tiny_cond"
    assert (await digits.model("tiny"))["version"] == 2


async def test_a_refusal_is_an_exception_with_the_services_sentence(digits: AsyncClient) -> None:
    with pytest.raises(DigitsError, match="takes no labels") as caught:
        await digits.generate(model="tiny", labels=3)
    assert (caught.value.status, caught.value.code) == (422, "invalid")
    assert caught.value.request_id


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that a client would have waited."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(time, "sleep", waited.append)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    return waited


Answers = Sequence[httpx.Response | httpx.TransportError]


def played(answers: Answers) -> tuple[httpx.MockTransport, Callable[[], int]]:
    """A transport that gives these in turn, and how many it has left."""
    left: Iterator[httpx.Response | httpx.TransportError] = iter(answers)
    asked = 0

    def handle(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        answer = next(left)
        if isinstance(answer, httpx.TransportError):
            raise answer
        return answer

    return httpx.MockTransport(handle), lambda: asked


async def ask_both(answers: Callable[[], Answers], **options: Any) -> list[dict[str, Any] | Exception]:
    """What the synchronous and the asynchronous client make of the same answers."""
    found: list[dict[str, Any] | Exception] = []
    transport, _ = played(answers())
    try:
        with Client(transport=transport, **options) as client:
            found.append(client.models())
    except (DigitsError, httpx.TransportError) as error:
        found.append(error)
    transport, _ = played(answers())
    try:
        async with AsyncClient(transport=transport, **options) as other:
            found.append(await other.models())
    except (DigitsError, httpx.TransportError) as error:
        found.append(error)
    return found


async def test_a_busy_service_is_asked_again_when_it_says(waits: list[float]) -> None:
    found = await ask_both(
        lambda: [
            httpx.Response(503, json=BUSY, headers={"Retry-After": "3"}),
            httpx.Response(502, content=b"a proxy's", headers={"Retry-After": "1"}),
            httpx.Response(429, json=BUSY, headers={"Retry-After": "9999"}),
            httpx.Response(200, json=MODELS),
        ]
    )
    assert found == [MODELS, MODELS]
    assert waits == [3, 1, retry.LONGEST_WAIT_S] * 2


async def test_a_date_to_wait_for(waits: list[float]) -> None:
    for at, seconds in ((time.time() + 10, 10), (time.time() - 10, 0)):
        date = formatdate(at, usegmt=True)
        answers = [httpx.Response(503, headers={"Retry-After": date}), httpx.Response(200, json=MODELS)]
        Client(transport=played([*answers])[0]).models()
        assert waits.pop() == pytest.approx(seconds, abs=2)


async def test_without_a_time_waits_grow(waits: list[float]) -> None:
    await ask_both(lambda: [httpx.ConnectError("no")] * 3 + [httpx.Response(200, json=MODELS)])
    for i, seconds in enumerate(waits):
        assert 0.5 <= seconds / (retry.FIRST_WAIT_S * 2 ** (i % 3)) <= 1


async def test_after_the_last_retry_the_failure_is_told(waits: list[float]) -> None:
    found = await ask_both(lambda: [httpx.Response(503, json=BUSY)] * 3, retries=2)
    assert [(type(one), str(one)) for one in found] == [(DigitsError, "try again shortly")] * 2
    assert len(waits) == 4
    found = await ask_both(lambda: [httpx.ReadTimeout("late")] * 3, retries=2)
    assert [type(one) for one in found] == [httpx.ReadTimeout] * 2


@pytest.mark.parametrize("status", [400, 404, 413, 422, 500, 504])
async def test_what_will_not_change_is_not_asked_again(waits: list[float], status: int) -> None:
    transport, asked = played([httpx.Response(status, text="<html>a proxy</html>")])
    with pytest.raises(DigitsError, match=str(status)) as caught:
        Client(transport=transport).models()
    assert (caught.value.code, asked(), waits) == ("http", 1, [])


@pytest.mark.parametrize(("key", "sent"), [("secret", "Bearer secret"), (None, None)])
async def test_a_key_goes_with_every_request(key: str | None, sent: str | None) -> None:
    seen: list[str | None] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        return httpx.Response(200, json={})

    with Client(key=key, transport=httpx.MockTransport(handle)) as client:
        client.models()
    async with AsyncClient(key=key, transport=httpx.MockTransport(handle)) as other:
        await other.models()
    assert seen == [sent, sent]


def test_the_synchronous_client_on_a_real_server(server: Server) -> None:
    with Client(server.url) as digits:
        array = digits.array(seed=7, n=3)
        told = digits.generate(seed=7, n=3)
        assert [image.seed for image in told.images] == [7, 8, 9]
        np.testing.assert_array_equal(tiles(digits.picture(seed=7, n=3, columns=3), 3), array)
        np.testing.assert_array_equal(of_png(base64.b64decode(told.images[2].b64_json)), array[2])
        assert digits.score([array[0]]).scores[0].preprocessing == []
        assert len(digits.encode([array[0]], model="tiny").encodings) == 1
        assert len(digits.classify([array[0]], model="tiny").classifications) == 1
        assert len(digits.decode([[0.0] * 4], model="tiny").images) == 1
        assert len(digits.interpolate(1, 2, model="tiny").images) == 16
        assert len(frames(digits.animate(1, 2, model="tiny", steps=3))) == 3
        assert digits.model("tiny")["name"] == "tiny"
