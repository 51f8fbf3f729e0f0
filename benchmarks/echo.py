"""The limit: an application that reads the request and answers as many bytes as one digit has in JSON."""

from typing import Any

ANSWER = b"x" * 600
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"600")]


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    while (await receive())["more_body"]:
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})
