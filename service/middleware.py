"""The outermost layer, in pure ASGI: request id, access log, metrics and security headers.

One class, because each layer costs every request; no BaseHTTPMiddleware, which hides that a client left.
"""

import asyncio
import random
import re
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access_log import AccessLog
from service.errors import ServiceError
from service.handlers import CLIENT_CLOSED_REQUEST
from service.metrics import Metrics

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
EXPOSED_HEADERS = [
    "X-Request-ID",
    "ETag",
    "Retry-After",
    "X-Seed",
    "X-Model",
    "X-Model-Version",
    "Inference-Header-Content-Length",
]
"""What a page of another origin may read of an answer (CORS)."""

# Not secrets, so the fast generator does; seeded by the system at start.
_random = random.Random()


class Envelope:
    """Wraps the application. `access_log` receives a line for each request; None for no log."""

    def __init__(self, app: ASGIApp, metrics: Metrics, access_log: AccessLog | None = None) -> None:
        self._app = app
        self._metrics = metrics
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter_ns()
        request_id = _request_id(scope)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        status = CLIENT_CLOSED_REQUEST
        size = 0

        async def enveloped(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                state["started"] = True
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id.encode()),
                    *SECURITY_HEADERS,
                ]
            else:
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, enveloped)
        except asyncio.CancelledError:
            # The server cancels the handler of a connection that was cut; any other cancellation goes on.
            if "cut" not in state:
                raise
            cut: ServiceError = state["cut"]
            status = cut.status
            state["error_code"] = cut.code
        finally:
            ns = time.perf_counter_ns() - start
            self._count(scope, state, status, ns)
            if self._access_log is not None:
                self._log(self._access_log, scope, state, status, size, ns)

    def _count(self, scope: Scope, state: dict[str, Any], status: int, ns: int) -> None:
        # A route's template, never the path as sent: labels must be few.
        route = getattr(scope.get("route"), "path", "other")
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.answered(method, route, status, ns)
        if "error_code" in state:
            self._metrics.failed(state["error_code"])

    def _log(
        self, log: AccessLog, scope: Scope, state: dict[str, Any], status: int, size: int, ns: int
    ) -> None:
        client = scope.get("client")
        log.write(
            request_id=state["request_id"],
            client=client[0] if client else None,
            method=scope["method"],
            path=scope["path"],
            status=status,
            size=size,
            ns=ns,
            key=state.get("key"),
            trace_id=state.get("trace_id"),
            code=state.get("error_code"),
        )


class Refusals:
    """Records in the access log and the metrics what the server refuses before it reaches the application."""

    def __init__(self, metrics: Metrics, access_log: AccessLog | None = None) -> None:
        self._metrics = metrics
        self._access_log = access_log

    def refused(self, client: str | None, status: int, code: str) -> None:
        """Record a request that was answered with `status` and never parsed as a whole."""
        self._metrics.answered("other", "other", status, 0)
        self._metrics.failed(code)
        if self._access_log is not None:
            self._access_log.write(
                request_id=_new_request_id(),
                client=client,
                method=None,
                path=None,
                status=status,
                size=0,
                ns=0,
                code=code,
            )

    def cut(self, code: str) -> None:
        """Count a connection that was cut after its request had been answered and logged."""
        self._metrics.failed(code)


def _request_id(scope: Scope) -> str:
    """The caller's X-Request-ID if it is harmless to log, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return _new_request_id()


def _new_request_id() -> str:
    return f"{_random.getrandbits(64):016x}"
