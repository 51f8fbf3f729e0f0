"""Deadline for clients that do not read their answer."""

import asyncio
import socket
import struct
import sys
from collections.abc import Callable

from service.server.unsent import Unsent

PROGRESS_BYTES = 64 * 1024
"""Bytes that a client must take within each WRITE_TIMEOUT_S, unless less is waiting."""

_BYTES_ACKED = 120
"""Offset of tcpi_bytes_acked in Linux's struct tcp_info, a 64-bit integer."""


class WriteDeadline:
    """Calls `stalled` if a client takes too little of what waits to be sent to it.

    Idle, without a timer, as long as nobody calls `watch` with bytes waiting.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        seconds: float,
        unsent: Unsent,
        stalled: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._seconds = seconds
        self._all = unsent
        self._stalled = stalled
        self._timer: asyncio.TimerHandle | None = None
        self._wanted = 0

    @property
    def unsent(self) -> int:
        """Bytes that wait to be sent."""
        return self._transport.get_write_buffer_size()

    def watch(self) -> None:
        """Start the deadline if bytes wait and it does not run yet."""
        if self._timer is None and (unsent := self.unsent):
            self._wanted = taken_bytes(self._transport) + min(unsent, PROGRESS_BYTES)
            self._timer = self._loop.call_later(self._seconds, self._check)
            self._all.add(self)

    def cancel(self) -> None:
        """Stop the deadline."""
        self._all.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def give_up(self) -> None:
        """Cut the connection now, as at the deadline."""
        self.cancel()
        self._stalled()

    def _check(self) -> None:
        self._timer = None
        if not self.unsent:
            self._all.discard(self)
        elif taken_bytes(self._transport) >= self._wanted:
            self.watch()
        else:
            self.give_up()


def taken_bytes(transport: asyncio.Transport) -> int:
    """Count that grows with every byte the client takes; only differences have a meaning.

    Linux: bytes that the client's side has acknowledged. The length of the transport's buffer is too coarse
    there: the kernel takes megabytes, then nothing for as long as a slow client needs for a third of them.
    """
    if sys.platform == "linux":
        connection = transport.get_extra_info("socket")
        try:
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED + 8)
        except (OSError, AttributeError):
            info = b""
        if len(info) == _BYTES_ACKED + 8:
            acknowledged: int = struct.unpack_from("=Q", info, _BYTES_ACKED)[0]
            return acknowledged
    return -transport.get_write_buffer_size()
