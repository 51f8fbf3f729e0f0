"""How the application is wired: start, CORS, end."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from service.app import create_app
from service.engine.refusal import BundleError
from service.settings import Settings

ORIGIN = "https://digits.example"


@pytest.fixture
async def browser(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that allows one origin."""

    async def bug(request: Request) -> Response:
        raise RuntimeError

    app = create_app(settings.model_copy(update={"cors_origins": [ORIGIN]}))
    app.add_api_route("/bug", bug)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            yield client


@pytest.mark.parametrize(("path", "status"), [("/models", 200), ("/nowhere", 404), ("/bug", 500)])
async def test_an_allowed_origin_may_read_answers_and_errors(
    browser: httpx.AsyncClient, path: str, status: int
) -> None:
    answer = await browser.get(path, headers={"Origin": ORIGIN})
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    about_the_image = {"X-Seed", "X-Model", "X-Model-Version", "Inference-Header-Content-Length"}
    assert {"X-Request-ID", "ETag", "Retry-After"} | about_the_image == set(exposed)


async def test_another_origin_may_not(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/models", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


async def test_preflight(browser: httpx.AsyncClient) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, inference-header-content-length, x-stainless-os",
    }
    answer = await browser.options("/models", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"]
    assert set(asked["Access-Control-Request-Headers"].split(", ")) <= set(allowed.split(", "))
    assert "x-request-id" in answer.headers
    answer = await browser.options("/models", headers=asked | {"Origin": "https://evil.example"})
    assert answer.status_code == 400


async def test_without_the_setting_there_is_no_cors(client: httpx.AsyncClient) -> None:
    answer = await client.get("/models", headers={"Origin": ORIGIN})
    assert not any(name.startswith("access-control") for name in answer.headers)


async def test_a_bad_folder_ends_the_start(tmp_path: Path) -> None:
    app = create_app(Settings(models_dir=tmp_path, access_log=False))
    with pytest.raises(BundleError):
        async with app.router.lifespan_context(app):
            pass


async def test_two_applications_do_not_share_metrics(app: FastAPI, settings: Settings) -> None:
    other = create_app(settings)
    app.state.metrics.failed("x")
    assert b'code="x"' not in other.state.metrics.render()
