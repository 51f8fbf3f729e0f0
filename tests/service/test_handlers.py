"""Every error of HTTP is problem+json, and shows nothing of the inside."""

import logging

import httpx
import pytest
from fastapi import FastAPI, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from service.errors import PROBLEM_JSON, ServiceError


@pytest.fixture
def raising(app: FastAPI, client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client, of an application with routes that fail."""

    async def bug(request: Request) -> Response:
        raise RuntimeError("secret in /etc/passwd")

    async def streaming_bug(request: Request) -> Response:
        async def body() -> object:
            yield b"x"
            raise RuntimeError("secret")

        return StreamingResponse(body())  # type: ignore[arg-type]

    async def refuses(request: Request) -> Response:
        raise ServiceError(503, "queue-full", "try again", headers={"Retry-After": "1"})

    async def teapot(request: Request) -> Response:
        raise HTTPException(418, "short and stout", {"X-Pot": "1"})

    async def typed(n: int = Query()) -> int:
        return n

    for route in (bug, streaming_bug, refuses, teapot, typed):
        app.add_api_route(f"/{route.__name__}", route, methods=["GET"])
    return client


async def test_a_bug_is_a_500_without_internals(
    raising: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await raising.get("/bug", headers={"X-Request-ID": "find-me"})
    assert (answer.status_code, answer.headers["content-type"]) == (500, PROBLEM_JSON)
    assert answer.json()["code"] == "internal"
    for secret in ("secret", "passwd", "RuntimeError", "Traceback", ".py"):
        assert secret not in answer.text
    (record,) = [record for record in caplog.records if record.name == "service.handlers"]
    assert "find-me" in record.getMessage()
    assert record.exc_info is not None


async def test_the_service_goes_on_after_a_bug(raising: httpx.AsyncClient) -> None:
    await raising.get("/bug")
    assert (await raising.get("/models")).status_code == 200
    metrics = (await raising.get("/metrics")).text
    assert 'mnist_gan_failures_total{code="internal"} 1.0' in metrics
    assert 'mnist_gan_requests_total{method="GET",route="/bug",status="500"} 1.0' in metrics


async def test_a_refusal_keeps_its_headers(raising: httpx.AsyncClient) -> None:
    answer = await raising.get("/refuses")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["title"] == "Service Unavailable"


async def test_the_frameworks_errors_are_problems(raising: httpx.AsyncClient) -> None:
    answer = await raising.get("/teapot")
    assert (answer.status_code, answer.headers["content-type"]) == (418, PROBLEM_JSON)
    assert (answer.json()["detail"], answer.headers["x-pot"]) == ("short and stout", "1")


@pytest.mark.parametrize("value", ["x", "1e400", "NaN", "%ED%A0%80", ""])
async def test_the_frameworks_validation_is_a_problem(raising: httpx.AsyncClient, value: str) -> None:
    answer = await raising.get(f"/typed?n={value}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM_JSON)
    assert answer.json()["errors"][0]["loc"] == ["query", "n"]


async def test_an_unknown_path_is_404(client: httpx.AsyncClient) -> None:
    answer = await client.get("/nowhere")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    assert answer.headers["content-type"] == PROBLEM_JSON


async def test_allow_names_the_methods_of_all_routes_of_a_path(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/generate")
    assert answer.headers["allow"] == "GET, HEAD, POST"
    assert answer.json()["detail"] == "this path takes GET, HEAD, POST"


async def test_another_method_is_405_with_allow(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/models")
    assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, HEAD"


def test_on_a_real_server(http: httpx.Client) -> None:
    for answer, status in ((http.get("/nowhere"), 404), (http.put("/models"), 405)):
        assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM_JSON)
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
