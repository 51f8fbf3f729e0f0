"""The outermost layer, in pure ASGI: request id, access log, metrics and security headers.

One class, because each layer costs every request; no BaseHTTPMiddleware, which hides that a client left.
"""

import asyncio
import json
import random
import re
import sys
import time
from typing import Any, TextIO

from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
    """Wraps the application. `access_log` is where each request's JSON line goes; None for no log."""

    def __init__(self, app: ASGIApp, metrics: Metrics, access_log: TextIO | None = None) -> None:
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

    def _log(self, out: TextIO, scope: Scope, state: dict[str, Any], status: int, size: int, ns: int) -> None:
        client = scope.get("client")
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "request_id": state["request_id"],
            "client": client[0] if client else None,
            "method": scope["method"],
            "path": scope["path"][:200],
            "status": status,
            "bytes": size,
            "ms": round(ns / 1e6, 3),
        }
        for name in ("key", "trace_id"):
            if name in state:
                line[name] = state[name]
        if "error_code" in state:
            line["code"] = state["error_code"]
        out.write(json.dumps(line) + "\n")


class Refusals:
    """Records in the access log and the metrics what the server refuses before it reaches the application."""

    def __init__(self, metrics: Metrics, access_log: TextIO | None = None) -> None:
        self._metrics = metrics
        self._access_log = access_log

    def refused(self, client: str | None, status: int, code: str) -> None:
        """Record a request that was answered with `status` and never parsed as a whole."""
        self._metrics.answered("other", "other", status, 0)
        self._metrics.failed(code)
        if self._access_log is not None:
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            line = {"time": now, "client": client, "status": status, "code": code}
            self._access_log.write(json.dumps(line) + "\n")

    def cut(self, code: str) -> None:
        """Count a connection that was cut after its request had been answered and logged."""
        self._metrics.failed(code)


def stdout() -> TextIO:
    """Standard output, a line at a time, for the access log."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)
    return sys.stdout


def _request_id(scope: Scope) -> str:
    """The caller's X-Request-ID if it is harmless to log, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return f"{_random.getrandbits(64):016x}"
