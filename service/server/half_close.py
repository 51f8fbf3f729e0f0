"""Tells a client that only ended its sending side from one that left: both send a FIN."""

import asyncio
import socket
from collections.abc import Callable

PROBE_S = 0.005
"""Seconds before the probe, in which most answers are ready."""

LOOK_S = 0.05
"""Seconds between two looks for the reset."""


class HalfClose:
    """Calls `gone` once the client turns out to have left.

    `probe` sends something that the client may ignore. The system of a client that closed its socket answers
    it with a reset, which is looked for every LOOK_S until `cancel`.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        probe: Callable[[], None],
        gone: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._probe = probe
        self._gone = gone
        self._probed = False
        self._timer = loop.call_later(PROBE_S, self._look)

    def cancel(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        if not self._probed:
            self._probed = True
            self._probe()
        connection = self._transport.get_extra_info("socket")
        if connection is None or connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._gone()
        else:
            self._timer = self._loop.call_later(LOOK_S, self._look)
