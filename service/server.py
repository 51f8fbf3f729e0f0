"""uvicorn as this service needs it.

By itself it has no bound on headers, waits for ever for the rest of a request, does not tell a handler that
its client left, and refuses new connections the moment it gets SIGTERM, while load balancers still send some.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from enum import Enum
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from service.busy_poll import BusyPoll
from service.errors import ServiceError, answer
from service.handlers import CLIENT_CLOSED_REQUEST, render
from service.middleware import SECURITY_HEADERS
from service.sender import Sending
from service.settings import Settings

LINGER_S = 1.0

log = logging.getLogger(__name__)


class Config(uvicorn.Config):
    """uvicorn's configuration, and what `Connection` wants to know."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        super().__init__(
            app,
            host=settings.host,
            port=settings.port,
            http=Connection,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=settings.keep_alive_s,
            timeout_graceful_shutdown=settings.drain_timeout_s,
        )
        self.settings = settings
        self.draining = False
        self.busy_poll = BusyPoll(settings.busy_poll_us / 1e6) if settings.busy_poll_us else None
        self.let_others_in: Callable[[], None] = lambda: None
        """To be called when a connection was made: where one came, there may be more."""


class Server(uvicorn.Server):
    """Ends in three steps: not ready but serving, no new connections, done. A second signal ends at once.

    SIGHUP has the models loaded anew."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        self.config: Config
        super().__init__(Config(app, settings))
        self._app = app
        self._exit_at = float("inf")
        self._reloads: set[asyncio.Task[Any]] = set()
        self._listening: list[socket.socket] = []
        self._entering: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self._listening = [
            socket.socket(fileno=os.dup(listening.fileno()))
            for server in self.servers
            for listening in server.sockets
        ]
        self.config.let_others_in = self._let_in
        self._app.state.registry.pool.under_way = self.server_state.tasks
        # What lives now, lives as long as the process: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        if hasattr(signal, "SIGHUP"):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)
        port = self.servers[0].sockets[0].getsockname()[1]
        log.info("serving on http://%s:%d", self.config.host, port)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.config.draining:
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(sig)
        self.config.draining = self._app.state.draining = True
        delay = self.config.settings.drain_delay_s if sig == signal.SIGTERM else 0
        self._exit_at = time.monotonic() + delay

    def _reload(self) -> None:
        """The registry logs what became of it; a task that nobody holds may be collected before its end."""
        registry = self._app.state.registry
        task = asyncio.ensure_future(registry.aside(registry.reload))
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def on_tick(self, counter: int) -> bool:
        if time.monotonic() >= self._exit_at:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: Any = None) -> None:
        """Closing a listening socket resets what waits in it to be accepted, maybe a request that a proxy
        may not send twice: those are let in first, with nothing in between."""
        for server in self.servers:
            server.close()
        self._let_in()
        for listening in self._listening:
            listening.close()
        await asyncio.gather(*self._entering)
        await super().shutdown(sockets)

    def _let_in(self) -> None:
        """Accepts every connection that waits. The event loop takes one a turn, and a turn under load is
        long: of 256 clients that come at once the last would wait for a second."""
        loop = asyncio.get_running_loop()
        for listening in self._listening:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    connection.setblocking(False)
                    self._entering.add(task := loop.create_task(self._enter(connection)))
                    task.add_done_callback(self._entering.discard)

    async def _enter(self, connection: socket.socket) -> None:
        await asyncio.get_running_loop().connect_accepted_socket(self._connection, connection)

    def _connection(self) -> "Connection":
        return Connection(self.config, self.server_state, self.lifespan.state)


class Phase(Enum):
    """What of a request is arriving."""

    NOTHING = 0
    HEAD = 1
    BODY = 2


class Connection(HttpToolsProtocol):
    """A connection with a bound on the head and deadlines for head and body.

    Deadlines count from the start of a head or body, so that trickling bytes does not help. A request that
    comes in one piece, as nearly all do, costs no timer.
    """

    config: Config

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._phase = Phase.NOTHING
        self._chunk = 0
        """Bytes in the chunk that is being parsed."""
        self._fresh = 0
        """The same, or 0 once a request has ended in this chunk: what of it a next one owns is unknown."""
        self._received = 0
        """Bytes that arrived since the request now arriving began."""
        self._timer: asyncio.TimerHandle | None = None
        self._timed = Phase.NOTHING
        self._running: tuple[RequestResponseCycle, asyncio.Task[None]] | None = None
        self._deaf = False

    # What comes in

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arm(Phase.HEAD)
        self.config.let_others_in()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._chunk = self._fresh = len(data)
        self._received += len(data)
        super().data_received(data)
        if self._deaf or self.transport.is_closing():
            return
        if self._phase is Phase.HEAD and self._received > self.config.settings.header_bytes:
            self._refuse(self._head_too_large())
        elif self._phase is not Phase.NOTHING:
            self._arm(self._phase)
        elif self.cycle is None or self.cycle.response_complete:
            self._arm(Phase.HEAD)  # Stray line ends, for which uvicorn has stopped the keep-alive timer.

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)
        if self._running is not None:
            cycle, task = self._running
            if not cycle.response_complete and not task.done():
                cycle.scope["state"].setdefault("cut", CLIENT_CLOSED_REQUEST)
                task.cancel()

    def shutdown(self) -> None:
        """A connection that was never used may have its first request on the way: closed now, it is lost."""
        if self.cycle is None:
            self.loop.call_later(LINGER_S, super().shutdown)
        else:
            super().shutdown()

    # What the parser finds in it

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._phase = Phase.HEAD
        self._received = self._fresh

    def on_headers_complete(self) -> None:
        self._phase = Phase.BODY
        limit = self.config.settings.header_bytes
        # Bytes arrive in chunks that may hold more than this head: count it exactly before refusing.
        if max(self._received, self._chunk) > limit and self._head_bytes() > limit:
            self.app: ASGIApp = _answer(self._head_too_large())
        super().on_headers_complete()
        if self.config.draining and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._phase = Phase.NOTHING
        self._fresh = 0
        self._disarm()

    # What goes out

    def send_400_response(self, msg: str) -> None:
        self._refuse(ServiceError(400, "bad-request", "this is not HTTP/1.1"))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """As uvicorn's, but the task is kept, to be cancelled when the client leaves."""
        if cycle.scope["method"] != "HEAD":
            app = Sending(app, cycle)
        task = self.loop.create_task(cycle.run_asgi(app))
        self._running = (cycle, task)
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.config.busy_poll is not None:
            self.config.busy_poll.begin(self.loop)

    def _refuse(self, error: ServiceError) -> None:
        """Answers outside of the application, where that is possible, and closes the connection."""
        self._deaf = True
        self._disarm()
        cycle = self.cycle
        idle = cycle is None or cycle.response_complete
        if self._phase is Phase.BODY and idle:
            self.transport.close()  # It was answered before its body had come: two answers are one too many.
            return
        if not idle and self._phase is not Phase.BODY:
            cycle.keep_alive = False  # An earlier request is being answered: that still goes out.
            return
        if idle or not (self.pipeline or cycle.response_started):
            if not idle:
                cycle.scope["state"]["cut"] = error.status
            path = "" if idle else cycle.scope["path"]
            self.transport.write(_raw(error, path, self.server_state.default_headers))
            self.transport.write_eof()
            # Closing with bytes unread resets the connection, and the client may lose the answer: what it
            # still sends is heard out for a moment (RFC 9112, 9.6).
            self._timer = self.loop.call_later(LINGER_S, self.transport.close)
        else:
            self.transport.close()

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _head_too_large(self) -> ServiceError:
        limit = self.config.settings.header_bytes
        return ServiceError(
            431, "headers-too-large", f"the headers exceed {limit:,} bytes", headers={"Connection": "close"}
        )

    # Deadlines

    def _arm(self, phase: Phase) -> None:
        if self._timed is phase:
            return
        self._disarm()
        limits = self.config.settings
        seconds = limits.header_timeout_s if phase is Phase.HEAD else limits.body_timeout_s
        self._timed = phase
        self._timer = self.loop.call_later(seconds, self._late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._timed = Phase.NOTHING

    def _late(self) -> None:
        if self._phase is Phase.NOTHING:
            self.transport.close()  # Nothing was asked: nothing is answered.
            return
        part = "headers" if self._phase is Phase.HEAD else "body"
        self._refuse(ServiceError(408, "too-slow", f"the {part} did not arrive in time"))


def _answer(error: ServiceError) -> ASGIApp:
    """An application that gives this error to every request."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await render(error, scope)(scope, receive, send)

    return app


def _raw(error: ServiceError, path: str, default_headers: list[tuple[bytes, bytes]]) -> bytes:
    """The error as bytes of HTTP/1.1, for when no whole request came; in the words of the path's API."""
    status, media, body = answer(error, path)
    headers = [
        *default_headers,
        *SECURITY_HEADERS,
        (b"content-type", media.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    return STATUS_LINE[status] + lines + b"\r\n" + body
