"""The one error that the service raises on purpose, and how it reads in each of the APIs.

Pure: no web framework here, so that the engine can raise it too.
"""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ValidationError

PROBLEM_JSON = "application/problem+json"

# A body may hold a hundred thousand unknown fields; the search for the nearest name is not free.
_SUGGESTIONS = 3
_LISTED = 1000


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


def invalid(error: ValidationError, where: str, known: Iterable[str] = ()) -> ServiceError:
    """What pydantic refused, as a 422; `where` is "body" or "query" and heads every `loc`.

    The refused value itself is not repeated: it may be a megabyte long, or no JSON (NaN). An unknown field is
    told the nearest of the `known` ones. Of a body that is wrong in a thousand places none is told: to list
    them would hold up everyone else, for seconds.
    """
    if error.error_count() > _LISTED:
        return ServiceError(422, "invalid", f"{where}: it is wrong in {error.error_count():,} places")
    fields = error.errors(include_url=False, include_input=False, include_context=False)
    names = list(known)
    for field in fields[:_SUGGESTIONS]:
        if names and field["type"] == "extra_forbidden" and len(field["loc"]) == 1:
            field["msg"] = no_such_field(str(field["loc"][0]), names)
    return invalid_fields(fields, where)


def no_such_field(name: str, known: Iterable[str]) -> str:
    """Return the message for an unknown field: it suggests the nearest known name, or lists all of them."""
    names = list(known)
    near = difflib.get_close_matches(name[:32], names, 1)
    if near:
        return f"there is no such field; did you mean {near[0]}?"
    return f"there is no such field, but {', '.join(names)}"


def fields_of(model: type[BaseModel]) -> list[str]:
    """The names of a model's fields, as callers write them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def invalid_fields(fields: Sequence[Mapping[str, Any]], where: str | None = None) -> ServiceError:
    """The same for a list of pydantic's `{loc, msg, type}`; without `where` the locs are complete already."""
    head = [] if where is None else [where]
    errors = [
        {
            # A union's branches name themselves in the loc after a colon-free type name; keys stay as sent.
            "loc": head + [part if isinstance(part, int) else str(part)[:100] for part in field["loc"]],
            "msg": str(field["msg"]).removeprefix("Value error, ")[:1000],
            "type": str(field["type"]),
        }
        for field in fields[:100]
    ]
    first = errors[0]
    place = ".".join(str(part) for part in first["loc"])
    more = f" (and {len(errors) - 1} more, see errors)" if len(errors) > 1 else ""
    return ServiceError(422, "invalid", f"{place}: {first['msg']}{more}", errors=errors)


def of_query(error: ServiceError) -> ServiceError:
    """The same refusal of fields in the query: checks that both ways to ask share say "body"."""
    if not error.errors:
        return error
    return invalid_fields([field | {"loc": field["loc"][1:]} for field in error.errors], "query")


def problem(error: ServiceError, request_id: str | None = None) -> bytes:
    """The error as RFC 9457 has it: type, title, status, detail; and our code, errors, request_id.

    `type` is about:blank, for which the RFC asks that `title` be the status's phrase; `code` is what a
    program should look at. ASCII only, so a lone surrogate in a name cannot break the answer.
    """
    members: dict[str, Any] = {
        "type": "about:blank",
        "title": _phrase(error.status),
        "status": error.status,
        "code": error.code,
        "detail": error.detail,
    }
    if error.errors is not None:
        members["errors"] = error.errors
    if request_id is not None:
        members["request_id"] = request_id
    return json.dumps(members, allow_nan=False).encode("ascii")


def answer(error: ServiceError, path: str, request_id: str | None = None) -> tuple[int, str, bytes]:
    """Status, media type and body of the error in the words of the API that the path belongs to.

    The Open Inference Protocol (/v2) and OpenAI's API (/v1) say 400 for what the caller got wrong.
    """
    status = 400 if error.status == 422 else error.status
    if path == "/v2" or path.startswith("/v2/"):
        return status, "application/json", inference_error(error)
    if path.startswith("/v1/"):
        return status, "application/json", openai_error(error)
    return error.status, PROBLEM_JSON, problem(error, request_id)


def inference_error(error: ServiceError) -> bytes:
    """The error as the Open Inference Protocol has it."""
    return json.dumps({"error": error.detail}).encode("ascii")


def openai_error(error: ServiceError) -> bytes:
    """The error as OpenAI's API has it; `param` is the field that is wrong."""
    members = {
        "message": error.detail,
        "type": "server_error" if error.status >= 500 else "invalid_request_error",
        "param": str(error.errors[0]["loc"][-1]) if error.errors else None,
        "code": error.code,
    }
    return json.dumps({"error": members}).encode("ascii")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
