"""The envelope of every answer: request id, security headers, access log, counts."""

import asyncio
import io
import json
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access_log import AccessLog
from service.errors import ServiceError
from service.metrics import Metrics
from service.middleware import Envelope


def envelope(app: ASGIApp) -> tuple[Envelope, io.StringIO, Metrics]:
    log, metrics = io.StringIO(), Metrics()
    return Envelope(app, metrics, AccessLog(log.write)), log, metrics


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
    await send({"type": "http.response.body", "body": b"hel", "more_body": True})
    await send({"type": "http.response.body", "body": b"lo"})


def scope(**more: Any) -> Scope:
    return {"type": "http", "method": "GET", "path": "/x", "headers": [], "client": ("1.2.3.4", 5)} | more


async def call(app: ASGIApp, scope: Scope) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    await app(scope, receive, send)
    return sent


@pytest.mark.parametrize("given", ["a", "0af7-651.916_CD", "x" * 128])
async def test_a_harmless_request_id_is_kept(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get("/health/live", headers={"X-Request-ID": given})
    assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", " ", "x" * 129, "a b", '"}', "a\tb", "é"])
async def test_another_request_id_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    answers = [
        await client.get("/health/live", headers=[(b"X-Request-ID", given.encode())]) for _ in range(2)
    ]
    assert len({answer.headers["x-request-id"] for answer in answers} | {given}) == 3


async def test_an_error_names_the_request(client: httpx.AsyncClient) -> None:
    answer = await client.get("/nowhere", headers={"X-Request-ID": "mine"})
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "mine"


@pytest.mark.parametrize("path", ["/health/live", "/nowhere", "/docs"])
async def test_security_headers_are_on_every_answer(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"


async def test_the_access_log_has_a_json_line_per_request() -> None:
    app, log, _ = envelope(hello)
    await call(app, scope(path='/a"\n\ud800', headers=[(b"x-request-id", b"me")]))
    (line,) = log.getvalue().splitlines()
    entry = json.loads(line)
    assert entry["ms"] >= 0
    assert {key: entry[key] for key in ("request_id", "client", "method", "path", "status", "bytes")} == {
        "request_id": "me",
        "client": "1.2.3.4",
        "method": "GET",
        "path": '/a"\n\ud800',
        "status": 200,
        "bytes": 5,
    }


async def test_routes_that_do_not_exist_share_one_label() -> None:
    app, _, metrics = envelope(hello)
    for number in range(5):
        await call(app, scope(path=f"/{number}", method=f"M{number}"))
    assert b'mnist_gan_requests_total{method="other",route="other",status="200"} 5.0' in metrics.render()


async def test_a_client_that_left_is_counted_and_logged_as_499() -> None:
    async def leaves(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["cut"] = ServiceError(499, "client-left", "the client left")
        raise asyncio.CancelledError

    app, log, metrics = envelope(leaves)
    assert await call(app, scope()) == []
    assert json.loads(log.getvalue())["status"] == 499
    assert b'mnist_gan_failures_total{code="client-left"} 1.0' in metrics.render()


async def test_any_other_cancellation_goes_on() -> None:
    async def cancelled(scope: Scope, receive: Receive, send: Send) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await call(envelope(cancelled)[0], scope())


async def test_other_protocols_pass_through() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    await call(envelope(app)[0], {"type": "lifespan"})
    assert seen == ["lifespan"]
