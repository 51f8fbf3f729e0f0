"""Turns every error of HTTP into an answer of the API that was asked: ours, the framework's, and bugs."""

import logging

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import ServiceError, answer, invalid_fields

CLIENT_CLOSED_REQUEST = 499
"""nginx's status for a client that left; nobody receives it, the log and the metrics show it."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

log = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    """Registers the handlers of the framework's errors; `CatchAll` takes care of ours."""
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(RequestValidationError, _validation_error)


def render(error: ServiceError, scope: Scope) -> Response:
    """The answer to this error. Its code is left in the request's state, for the log and the metrics."""
    state = scope.setdefault("state", {})
    state["error_code"] = error.code
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    status, media_type, body = answer(error, path, state.get("request_id"))
    return Response(body, status_code=status, headers=error.headers, media_type=media_type)


class CatchAll:
    """Answers every error that the endpoints raise: a ServiceError as it says, a client that left with 499,
    and a bug with a 500 that shows nothing of the inside, and a line in the log.

    Inside the CORS middleware, so that a browser may read these answers too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            refusal = _refusal(error)
            if refusal is None:
                log.exception("request %s failed", scope.get("state", {}).get("request_id"))
                refusal = ServiceError(
                    500, "internal", "the service failed; its log has the reason under request_id"
                )
            if scope.get("state", {}).get("started"):
                raise  # The status is out: all that is left is to cut the connection.
            await render(refusal, scope)(scope, receive, send)


def _refusal(error: Exception) -> ServiceError | None:
    """What was raised on purpose; None for a bug."""
    if isinstance(error, ClientDisconnect):
        return ServiceError(CLIENT_CLOSED_REQUEST, "client-left", "the client left")
    return error if isinstance(error, ServiceError) else None


async def _http_exception(request: Request, error: Exception) -> Response:
    """The framework's own: 404 for an unknown path, 405 with Allow."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 404:
        known = ServiceError(404, "not-found", "there is no such path; /docs lists them", headers=headers)
    elif error.status_code == 405:
        allowed = headers["Allow"] = ", ".join(_methods(request))
        known = ServiceError(405, "method-not-allowed", f"this path takes {allowed}", headers=headers)
    else:
        known = ServiceError(error.status_code, "http", str(error.detail), headers=headers)
    return render(known, request.scope)


def _methods(request: Request) -> list[str]:
    """What this path takes: the framework names the methods of one route, a path may have several."""
    scopes = {method: {**request.scope, "method": method} for method in METHODS}
    routes = request.app.routes
    return [m for m, scope in scopes.items() if any(r.matches(scope)[0] is Match.FULL for r in routes)]


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return render(invalid_fields(error.errors()), request.scope)
