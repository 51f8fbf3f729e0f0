"""Sends head and body of a complete answer in one system call, and in one packet."""

import re
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
BY_UVICORN = {b"connection", b"transfer-encoding"}


class Sender:
    """`send` of the ASGI interface, for one answer: the head waits for what comes next.

    uvicorn writes them apart, which uvloop hands to the kernel one by one, and searches each header by itself
    for what must not be there. Answers that come in parts are left to it, and those with an opinion on the
    connection. Not for answers to HEAD, after whose head nothing comes.
    """

    def __init__(self, cycle: RequestResponseCycle, uvicorn: Send) -> None:
        self._cycle = cycle
        self._uvicorn = uvicorn
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        cycle = self._cycle
        if message["type"] == "http.response.start" and not cycle.response_started:
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None:
            body = message.get("body", b"")
            whole = not message.get("more_body")
            if whole and cycle.keep_alive and not (cycle.flow.write_paused or cycle.disconnected):
                headers = [*cycle.default_headers, *start.get("headers", ())]
                head = _head(start["status"], headers, len(body))
                if head is not None:
                    cycle.response_started = cycle.response_complete = True
                    cycle.waiting_for_100_continue = False
                    cycle.transport.writelines((head, body))
                    cycle.message_event.set()
                    cycle.on_response()
                    return
            await self._uvicorn(start)
        await self._uvicorn(message)


class Sending:
    """An application, for one request, whose answer goes through a `Sender`."""

    def __init__(self, app: ASGIApp, cycle: RequestResponseCycle) -> None:
        self._app = app
        self._cycle = cycle

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._app(scope, receive, Sender(self._cycle, send))


def _head(status: int, headers: list[tuple[bytes, bytes]], length: int) -> bytes | None:
    """The bytes before a body of this length; None where uvicorn has to judge. RuntimeError for a header that
    would be taken for two, as uvicorn's."""
    lines = [STATUS_LINE[status]]
    declared = None
    for name, value in headers:
        if name == b"content-length":
            declared = int(value)
        elif name in BY_UVICORN:
            return None
        lines += (name, b": ", value, b"\r\n")
    if declared != length:
        return None
    lines.append(b"\r\n")
    head = b"".join(lines)
    ends = len(headers) + 2
    if CONTROL.search(head) or not head.count(b"\r\n") == head.count(b"\r") == head.count(b"\n") == ends:
        raise RuntimeError("Invalid HTTP header.")
    return head
