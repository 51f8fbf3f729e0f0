"""An answer's head and the first of its body in one system call, and in one packet."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class Joined:
    """A connection's transport as the answer to one request sees it: the head waits for what comes next.

    uvicorn writes them apart, and uvloop hands each write to the kernel at once. Not for answers to HEAD,
    after whose head nothing comes.
    """

    def __init__(self, cycle: RequestResponseCycle, transport: Any) -> None:
        self._cycle = cycle
        self._transport = transport
        self._head: bytes | None = None

    def write(self, data: bytes) -> None:
        if self._head is None and self._cycle.response_started:
            self._head = data
        elif self._head:
            self._transport.writelines((self._head, data))
            self._head = b""
        else:
            self._transport.write(data)

    def close(self) -> None:
        if self._head:
            self._transport.write(self._head)
        self._transport.close()

    def is_closing(self) -> bool:
        closing: bool = self._transport.is_closing()
        return closing
