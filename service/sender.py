"""How an answer leaves: head and body of one that is whole in one system call, and in one packet."""

import re
from typing import Any

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
BY_UVICORN = {b"connection", b"transfer-encoding"}


class Sender:
    """`send` of the ASGI interface, for one answer: the head waits for what comes next.

    uvicorn writes them apart, which uvloop hands to the kernel one by one, and searches each header by itself
    for what must not be there. Answers that come in parts are left to it, and those with an opinion on the
    connection. Not for answers to HEAD, after whose head nothing comes.
    """

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._uvicorn = cycle.send
        self._start: Message | None = None

    async def __call__(self, message: Any) -> None:
        cycle = self._cycle
        if message["type"] == "http.response.start" and not cycle.response_started:
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None:
            body = message.get("body", b"")
            if not (message.get("more_body") or cycle.flow.write_paused or cycle.disconnected):
                head = _head(start["status"], [*cycle.default_headers, *start["headers"]], len(body))
                if head is not None and cycle.keep_alive:
                    cycle.response_started = cycle.response_complete = True
                    cycle.waiting_for_100_continue = False
                    cycle.transport.writelines((head, body))
                    cycle.message_event.set()
                    cycle.on_response()
                    return
            await self._uvicorn(start)  # type: ignore[arg-type]
        await self._uvicorn(message)


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
