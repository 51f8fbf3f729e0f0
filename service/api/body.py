"""Reads and validates request bodies: bounded while they stream in, and never answered with a 500."""

import zlib
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from service.api import state
from service.budget import BudgetExceeded
from service.errors import ServiceError, fields_of, invalid, invalid_fields

Validated = TypeVar("Validated", bound=BaseModel)

# What `curl -d` says of any body. Refusing it would punish the first command that everybody types.
_CURL = "application/x-www-form-urlencoded"

SMALL_BYTES = 64 * 1024
"""Bodies of up to this size are not counted in BODY_MEMORY_BYTES."""
MAX_BRACKETS = MAX_QUOTES = 16_384
"""Most lists and objects, and most quotation marks, in a JSON body. A network's input of 256 images as nested
lists has 7,425 lists."""
MAX_ITEMS = 1024
"""Most commas in a JSON body, unless the model of the body says otherwise."""

_WINDOW_BITS = {"gzip": 31, "deflate": 15}


async def read_body(request: Request, limit: int) -> bytes:
    """Return the whole body.

    Raises ServiceError 413 as soon as it is known to exceed `limit` bytes, declared or chunked; 503 and 429
    where large bodies hold all of BODY_MEMORY_BYTES, in total or of this client. What a refused client still
    sends is discarded by the server until its body deadline.
    """
    declared = dict(request.scope["headers"]).get(b"content-length", b"")
    if declared.isdigit() and int(declared[:20]) > limit:
        raise _too_large(limit)
    message = await request.receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    chunk: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(chunk) > limit:
            raise _too_large(limit)
        return chunk
    chunks = [chunk]
    size, held = len(chunk), 0
    try:
        while message.get("more_body", False):
            if size > limit:
                raise _too_large(limit)
            if size - held > SMALL_BYTES:
                _reserve(request, size - held)
                held = size
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
    finally:
        if held:
            held_by = state.of(request)
            held_by.body_memory.release(state.client(request), held)
            held_by.give_back_soon()
    if size > limit:
        raise _too_large(limit)
    return b"".join(chunks)


def decompressed(data: bytes, encoding: str, limit: int) -> bytes:
    """A body as it was before its Content-Encoding: gzip, deflate (RFC 9110: in zlib's format) or none.

    ServiceError 413 where it would become more than `limit` bytes, of which no more are made; 422 for another
    encoding, and for what is broken or goes on after its end.
    """
    if encoding in ("", "identity"):
        return data
    if encoding not in _WINDOW_BITS:
        raise ServiceError(422, "content-encoding", "send the body as gzip, as deflate, or as it is")
    inflater = zlib.decompressobj(_WINDOW_BITS[encoding])
    try:
        out = inflater.decompress(data, limit + 1)
    except zlib.error:
        raise ServiceError(422, "content-encoding", f"the body is not {encoding}") from None
    if len(out) > limit:
        raise _too_large(limit)
    if not inflater.eof or inflater.unused_data:
        raise ServiceError(422, "content-encoding", f"the {encoding} body is cut short, or goes on after it")
    return out


async def json_body(request: Request, model: type[Validated], limit: int) -> Validated:
    """The body as `model`, validated straight from its bytes.

    ServiceError 422 for anything that is not UTF-8 JSON of that model (the parser refuses lone surrogates,
    integers past 4,300 digits and nesting past 200 levels), 413 past `limit` bytes. NaN, Infinity and 1e400
    are numbers to the parser: models refuse them with `allow_inf_nan=False`.
    """
    headers = dict(request.scope["headers"])
    if headers.get(b"content-type") != b"application/json" or b"content-encoding" in headers:
        _require_json(request.headers)
    return validated(await read_body(request, limit), model)


def validated(data: bytes, model: type[Validated]) -> Validated:
    """Return JSON as `model`; ServiceError 422 for what it refuses, and for more items than the model's own
    `max_items`, or MAX_ITEMS."""
    check_structure(data, getattr(model, "max_items", MAX_ITEMS))
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise invalid(error, "body", fields_of(model)) from None


def check_structure(data: bytes, max_items: int) -> None:
    """Raise ServiceError 422 for JSON with more than `max_items` commas, MAX_BRACKETS lists and objects, or
    MAX_QUOTES quotation marks.

    Counting takes microseconds. The parser takes a fifth of a second for a megabyte of `[],[],...`, and no
    other request is served meanwhile.
    """
    if len(data) <= MAX_ITEMS:
        return  # It has fewer bytes than any of these bounds.
    for count, most, what in (
        (data.count(b","), max_items, "items"),
        (data.count(b"[") + data.count(b"{"), MAX_BRACKETS, "lists and objects"),
        (data.count(b'"'), MAX_QUOTES, "quotation marks"),
    ):
        if count > most:
            message = f"has more than {most:,} {what}: send less"
            raise invalid_fields([{"loc": [], "msg": message, "type": "too_long"}], "body")


def media_type(headers: Mapping[str, str]) -> str:
    """The Content-Type without its parameters, in lower case; "" where there is none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _require_json(headers: Mapping[str, str]) -> None:
    media = media_type(headers)
    is_json = media in ("", "application/json", _CURL) or (
        media.startswith("application/") and media.endswith("+json")
    )
    if not is_json:
        raise ServiceError(422, "content-type", "send the body as Content-Type: application/json")
    charset = headers.get("content-type", "").lower().partition("charset=")[2].partition(";")[0].strip(' "')
    if charset not in ("", "utf-8", "utf8", "us-ascii"):
        raise ServiceError(422, "content-type", "JSON is UTF-8 (RFC 8259): send it without another charset")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise ServiceError(422, "content-encoding", "send the body without Content-Encoding")


def _reserve(request: Request, size: int) -> None:
    """Take `size` bytes of BODY_MEMORY_BYTES; ServiceError 429 or 503 if there is no room for them."""
    try:
        state.of(request).body_memory.reserve(state.client(request), size)
    except BudgetExceeded as error:
        status, detail = (
            (429, "this client sends too many large bodies at once: wait for answers before sending more")
            if error.by_client
            else (503, "too many large bodies are arriving: try again shortly")
        )
        raise ServiceError(status, "too-many-large-bodies", detail, headers={"Retry-After": "1"}) from None


def _too_large(limit: int) -> ServiceError:
    return ServiceError(413, "body-too-large", f"the body exceeds {limit:,} bytes")
