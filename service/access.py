"""Who may ask: keys in a header, and the paths that are open without one.

Not in the chain unless API_KEYS is set. What only an administrator may do, `api.admin.AdminRoute` guards in
any case.
"""

import hashlib
import hmac
from collections.abc import Iterable

from pydantic import SecretStr
from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import ServiceError
from service.handlers import render

HEALTH = frozenset({"/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"})
PAGES = frozenset({"/", "/docs", "/openapi.json"})
"""The playground and the documentation: the same for everyone, with nothing of this installation in them."""
PAGE_FILES = ("/web/", "/swagger/")
METRICS = "/metrics"
CHALLENGE = {"WWW-Authenticate": "Bearer"}


class Keys:
    """Secrets that open something; only their digests are held."""

    def __init__(self, secrets: Iterable[SecretStr]) -> None:
        self._digests = [_digest(secret.get_secret_value().encode()) for secret in secrets]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def find(self, scope: Scope) -> str | None:
        """The name of the key that the request brings, as `Authorization: Bearer` or `X-API-Key`; None for
        none that is known. The name is the start of its digest, fit for logs.

        Every key is compared whole, and as a digest: the time tells nothing of how much was right.
        """
        found = None
        for given in presented(scope):
            digest = _digest(given)
            for held in self._digests:
                if hmac.compare_digest(digest, held):
                    found = held.hex()[:8]
        return found


class Guard:
    """Refuses requests that bring no key, whatever their path, unless it is one of the open ones."""

    def __init__(self, app: ASGIApp, keys: Keys, metrics_open: bool) -> None:
        self._app = app
        self._keys = keys
        self._metrics_open = metrics_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            key = self._keys.find(scope)
            if key is not None:
                scope["state"]["key"] = key
            elif not (is_open(scope["path"]) or (scope["path"] == METRICS and self._metrics_open)):
                await render(no_key(), scope)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def is_open(path: str) -> bool:
    """Whether this path, as the router will read it, needs no key."""
    return path in HEALTH or path in PAGES or path.startswith(PAGE_FILES)


def no_key() -> ServiceError:
    return ServiceError(
        401,
        "no-key",
        "this needs a key that is known here: send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`",
        headers=CHALLENGE,
    )


def presented(scope: Scope) -> list[bytes]:
    """The keys that the request's headers hold."""
    found = []
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            found.append(value)
        elif name == b"authorization" and value[:7].lower() == b"bearer ":
            found.append(value[7:].strip())
    return found


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()
