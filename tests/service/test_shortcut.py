"""The short way to an endpoint answers as the long way would."""

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from service.api.openapi import BareRoute
from service.shortcut import Shortcut
from tests.service.test_middleware import call, scope


async def hello(request: Request) -> Response:
    return Response(request.method + request.url.path)


class Loud(BareRoute):
    """A route that does something of its own to each request."""

    def get_route_handler(self):  # type: ignore[no-untyped-def]
        handler = super().get_route_handler()

        async def loud(request: Request) -> Response:
            answer = await handler(request)
            answer.headers["x-loud"] = "yes"
            return answer

        return loud


@pytest.fixture
def shortcut() -> Shortcut:
    async def router(scope: Scope, receive: Receive, send: Send) -> None:
        await Response("the long way")(scope, receive, send)

    bare, loud = APIRouter(route_class=BareRoute), APIRouter(route_class=Loud)
    bare.add_api_route("/hello", hello, methods=["GET", "POST"])
    bare.add_api_route("/hello/{name}", hello)
    loud.add_api_route("/loud", hello)
    full = APIRouter()
    full.add_api_route("/framework", hello)
    return Shortcut(router, [*bare.routes, *loud.routes, *full.routes])


def body(sent: list[Message]) -> bytes:
    return b"".join(message.get("body", b"") for message in sent)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_exact_path_is_answered_at_once(shortcut: Shortcut, method: str) -> None:
    asked = scope(path="/hello", method=method)
    assert body(await call(shortcut, asked)) == method.encode() + b"/hello"
    assert asked["route"].path == "/hello"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/hello"),
        ("GET", "/hello/"),
        ("GET", "/hello/{name}"),
        ("GET", "/hello/x"),
        ("GET", "/framework"),
        ("GET", "/nowhere"),
    ],
)
async def test_all_else_goes_the_long_way(shortcut: Shortcut, method: str, path: str) -> None:
    assert body(await call(shortcut, scope(path=path, method=method))) == b"the long way"


async def test_what_a_route_adds_is_not_cut_short(shortcut: Shortcut) -> None:
    start, _ = await call(shortcut, scope(path="/loud"))
    assert (b"x-loud", b"yes") in start["headers"]


async def test_a_path_below_a_prefix_is_answered_too(app: FastAPI) -> None:
    transport = httpx.ASGITransport(app, root_path="/digits")
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        for path in ("/health/live", "/digits/health/live"):
            assert (await client.get(path)).status_code == 200
