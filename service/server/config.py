"""Configuration that the server and its connections share."""

from collections.abc import Callable
from typing import Protocol

import uvicorn
from fastapi import FastAPI

from service.server.busy_poll import BusyPoll
from service.server.connection import Connection
from service.server.unsent import Unsent
from service.settings import Settings


class Refusals(Protocol):
    """Receives every refusal that happens outside the application, for the access log and the metrics."""

    def refused(self, client: str | None, status: int, code: str) -> None:
        """Record a request that was answered with `status` before it reached the application."""

    def cut(self, code: str) -> None:
        """Record a connection that was cut after its request had been answered and logged."""


class Config(uvicorn.Config):
    """uvicorn's configuration, plus the settings and hooks that each `Connection` uses."""

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
        )
        self.settings = settings
        self.max_connections = settings.max_connections
        """Lower than the setting where the system allows fewer open files."""
        self.refusals: Refusals = app.state.refusals
        self.unsent = Unsent(settings.unsent_bytes)
        self.draining = False
        self.busy_poll = BusyPoll(settings.busy_poll_us / 1e6) if settings.busy_poll_us else None
        self.drain_accept_queue: Callable[[], None] = lambda: None
        """Accepts all waiting connections; called when one was made, since more may have come with it."""
