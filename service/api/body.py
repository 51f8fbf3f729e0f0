"""Reads and validates request bodies: bounded while they stream in, and never answered with a 500."""

import zlib
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from service.errors import ServiceError, fields_of, invalid

Validated = TypeVar("Validated", bound=BaseModel)

# What `curl -d` says of any body. Refusing it would punish the first command that everybody types.
_CURL = "application/x-www-form-urlencoded"

_WINDOW_BITS = {"gzip": 31, "deflate": 15}


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body; ServiceError 413 as soon as it is known to exceed `limit` bytes, declared or chunked.

    What a refused client still sends is discarded by the server until its body deadline.
    """
    declared = dict(request.scope["headers"]).get(b"content-length", b"")
    if declared.isdigit() and int(declared[:20]) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return chunk if not chunks else b"".join([*chunks, chunk])
        chunks.append(chunk)


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
    data = await read_body(request, limit)
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise invalid(error, "body", fields_of(model)) from None


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


def _too_large(limit: int) -> ServiceError:
    return ServiceError(413, "body-too-large", f"the body exceeds {limit:,} bytes")
