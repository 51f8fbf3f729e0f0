"""The server in this process, around handlers that a test controls."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from service.access_log import AccessLog
from service.api.body import json_body, read_body
from service.app import create_app
from service.middleware import Refusals
from service.server import Server
from service.settings import Settings


class Handlers:
    """Endpoints that can be held, and remember what became of them."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.entered = 0
        self.cancelled = 0

    async def held(self, request: Request) -> Response:
        self.entered += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return Response("held")

    async def reads(self, request: Request) -> Response:
        self.entered += 1
        return Response(await read_body(request, 100_000))

    async def large(self, request: Request) -> Response:
        self.entered += 1
        return Response(bytes(int(request.query_params.get("n", 16_000_000))))

    async def forwarded(self, request: Request) -> Response:
        body = await read_body(request, 5_000_000)
        names = ("x-forwarded-for", "x-request-id", "host", "x-t")
        found = {name: request.headers[name] for name in names if name in request.headers}
        return Response(json.dumps(found | {"body": len(body), "path": request.url.path}))

    async def small(self, request: Request) -> Response:
        class Small(BaseModel):
            n: int

        return Response(str((await json_body(request, Small, 10)).n))


class Serving:
    def __init__(self, server: Server, handlers: Handlers, metrics: Any, port: int) -> None:
        self.server = server
        self.handlers = handlers
        self.metrics = metrics
        self.port = port
        self.log = io.StringIO()
        """Access log of refusals; the application's own is off."""
        server.config.refusals = Refusals(metrics, AccessLog(self.log.write))

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.close()

    async def exchange(self, data: bytes) -> bytes:
        async with self.connection() as (reader, writer):
            writer.write(data)
            return await asyncio.wait_for(reader.read(), 10)


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


def head(method: str, path: str, *more: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: a", *more, "", ""]).encode()


CLOSE = "Connection: close"
GET = b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"


@asynccontextmanager
async def served(settings: Settings, **update: Any) -> AsyncIterator[Serving]:
    """A server with these settings, ended with the block."""
    limits = {"port": 0, "drain_delay_s": 0.0} | update
    settings = settings.model_copy(update=limits)
    app, handlers = create_app(settings), Handlers()
    app.add_api_route("/held", handlers.held)
    app.add_api_route("/large", handlers.large)
    app.add_api_route("/reads", handlers.reads, methods=["POST"])
    app.add_api_route("/small", handlers.small, methods=["POST"])
    app.add_api_route("/forwarded", handlers.forwarded, methods=["GET", "POST"])
    server = Server(app, settings)
    task = asyncio.ensure_future(server.serve())
    await until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Serving(server, handlers, app.state.metrics, port)
    handlers.go.set()
    server.should_exit = True
    await asyncio.wait_for(task, 30)
