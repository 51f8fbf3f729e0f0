"""The one error that the service raises on purpose; renderers turn it into a protocol's own shape."""

from collections.abc import Mapping
from typing import Any


class ServiceError(Exception):
    """A refusal with its HTTP status and a sentence that names the fix.

    `code` is a stable machine-readable slug ("unknown-model"); `errors` lists `{loc, msg, type}` of each
    offending field where there are several.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = errors
