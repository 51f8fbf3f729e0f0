"""The server's life: start, serving, reloads on SIGHUP, and an end within a bounded time."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import time
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from service.errors import ServiceError
from service.server.config import Config
from service.server.connection import Connection
from service.server.descriptors import allowed_connections
from service.server.watchdog import exit_within
from service.settings import Settings

CLEANUP_S = 0.7
"""Seconds after DRAIN_TIMEOUT_S in which models and threads may end, before the process exits without."""

_POLL_S = 0.05

log = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """Ends in three steps: not ready but serving, no new connections, done. A second signal ends at once.

    SIGHUP reloads the models.
    """

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        self.config: Config
        super().__init__(Config(app, settings))
        self._app = app
        self._exit_at = float("inf")
        self._reloads: set[asyncio.Task[Any]] = set()
        self._warming: asyncio.Task[None] | None = None
        self._listening: list[socket.socket] = []
        self._accepting: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: Any = None) -> None:
        self.config.max_connections = allowed_connections(self.config.max_connections)
        await super().startup(sockets)
        self._listening = [
            socket.socket(fileno=os.dup(listening.fileno()))
            for server in self.servers
            for listening in server.sockets
        ]
        self.config.drain_accept_queue = self._drain_accept_queue
        self._app.state.registry.pool.under_way = self.server_state.tasks
        self._warming = asyncio.create_task(self._app.state.image_workers.warm())
        # Everything that exists now lives as long as the process: the collector need not walk it again.
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
        limits = self.config.settings
        delay = limits.drain_delay_s if sig == signal.SIGTERM else 0
        self._exit_at = time.monotonic() + delay
        exit_within(delay + limits.drain_timeout_s + CLEANUP_S)

    def _reload(self) -> None:
        """Reload in a thread. The registry logs the outcome; a task without a reference may be collected."""
        registry = self._app.state.registry
        task = asyncio.ensure_future(registry.aside(registry.reload))
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def on_tick(self, counter: int) -> bool:
        if time.monotonic() >= self._exit_at:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: Any = None) -> None:
        """Serve what was accepted or waits to be, for DRAIN_TIMEOUT_S; then cut the rest and end the models.

        Closing a listening socket resets the connections in its accept queue, and a proxy may not be allowed
        to repeat their requests: they are accepted first, with nothing in between.
        """
        for server in self.servers:
            server.close()
        self._drain_accept_queue()
        for listening in self._listening:
            listening.close()
        await asyncio.gather(*self._accepting)
        for connection in self._connections():
            connection.shutdown()
        await self._drain()
        await self.lifespan.shutdown()

    async def _drain(self) -> None:
        """Wait until all requests are answered and all answers have left, for DRAIN_TIMEOUT_S at most."""
        seconds = self.config.settings.drain_timeout_s
        state = self.server_state
        until = time.monotonic() + seconds
        while state.connections or state.tasks:
            if time.monotonic() >= until:
                connections = self._connections()
                log.warning("cut %d connections that did not end within %d s", len(connections), seconds)
                stopping = ServiceError(503, "stopping", "the service is stopping; send the request again")
                for connection in connections:
                    connection.cut(stopping)
                # The handlers' last steps: they log their requests.
                for task in tuple(state.tasks):
                    task.cancel()
                await asyncio.sleep(_POLL_S)
                return
            await asyncio.sleep(_POLL_S)

    def _connections(self) -> list[Connection]:
        return [one for one in self.server_state.connections if isinstance(one, Connection)]

    def _drain_accept_queue(self) -> None:
        """Accept every connection that waits.

        The event loop accepts one per turn, and a turn under load is long: of 256 clients that come at once
        the last would wait for a second.
        """
        loop = asyncio.get_running_loop()
        for listening in self._listening:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    connection.setblocking(False)
                    self._accepting.add(task := loop.create_task(self._accept(connection)))
                    task.add_done_callback(self._accepting.discard)

    async def _accept(self, connection: socket.socket) -> None:
        await asyncio.get_running_loop().connect_accepted_socket(self._connection, connection)

    def _connection(self) -> Connection:
        return Connection(self.config, self.server_state, self.lifespan.state)
