"""Answers that the server gives without the application, because no whole request came."""

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from service.errors import ServiceError, answer
from service.middleware import SECURITY_HEADERS


def raw_answer(
    error: ServiceError, path: str, default_headers: list[tuple[bytes, bytes]], *, head: bool = False
) -> bytes:
    """Return the bytes of an HTTP/1.1 answer that closes the connection, in the format of the path's API.

    `head`: answer to a HEAD request, without the body.
    """
    status, media, body = answer(error, path)
    headers = [
        *default_headers,
        *SECURITY_HEADERS,
        *((name.encode(), value.encode()) for name, value in error.headers.items()),
        (b"content-type", media.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    return STATUS_LINE[status] + lines + b"\r\n" + (b"" if head else body)
