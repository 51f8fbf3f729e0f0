"""A small proxy like those that stand in front: new connections go to who says that it is ready."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence

POLL_S = 0.1
LOOK = b"GET /health/ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


class Balancer:
    """Connections go in turn to the ports that said 200 when they were last asked."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.port = 0
        self._ports = ports
        self.ready = set(ports)
        self._turn = itertools.cycle(ports)

    async def look(self) -> None:
        """Asks all of them, again and again."""
        while True:
            for port in self._ports:
                (self.ready.add if await _is_ready(port) else self.ready.discard)(port)
            await asyncio.sleep(POLL_S)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection. A port that refuses it is passed over, since nothing was sent yet."""
        with contextlib.closing(writer):
            for port in itertools.islice(self._turn, 2 * len(self._ports)):
                if port in self.ready:
                    with contextlib.suppress(OSError):
                        onward, back = await asyncio.open_connection("127.0.0.1", port)
                        with contextlib.closing(back):
                            await asyncio.gather(_pass_on(reader, back), _pass_on(onward, writer))
                        return


@contextlib.asynccontextmanager
async def balancing(ports: Sequence[int]) -> AsyncIterator[Balancer]:
    """A balancer that listens on loopback, at its `port`."""
    balancer = Balancer(ports)
    server = await asyncio.start_server(balancer.serve, "127.0.0.1", 0)
    balancer.port = server.sockets[0].getsockname()[1]
    looking = asyncio.ensure_future(balancer.look())
    try:
        yield balancer
    finally:
        looking.cancel()
        server.close()
        await asyncio.sleep(0.1)  # Until both sides of the last connections are closed.


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.close()


async def _is_ready(port: int) -> bool:
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(LOOK)
            answer = await reader.read()
            writer.close()
            return answer.startswith(b"HTTP/1.1 200 ")
    except OSError:  # TimeoutError is one.
        return False
