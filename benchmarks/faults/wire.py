"""HTTP/1.1 with little cost on the client's side, and with control over every byte that is sent."""

import asyncio
import statistics
import time
from typing import NamedTuple, Self


class Answer(NamedTuple):
    """What came back, and how long it took from the first byte sent."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


class Connection:
    """One connection that is kept as long as the server does."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.open = True

    @classmethod
    async def to(cls, port: int, source: str = "127.0.0.1") -> Self:
        """A connection from `source`, an address of loopback: the service counts each as another client."""
        streams = asyncio.open_connection("127.0.0.1", port, limit=2**24, local_addr=(source, 0))
        return cls(*await streams)

    async def ask(self, request: bytes) -> Answer:
        """The answer; OSError or EOFError where there is none."""
        start = time.perf_counter()
        self.writer.write(request)
        return await self.answer(start)

    async def answer(self, start: float) -> Answer:
        """The next answer to what was sent at `start`."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
            }
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        except (OSError, EOFError):
            self.close()
            raise
        if headers.get("connection") == "close":
            self.close()
        return Answer(int(lines[0].split()[1]), headers, body, time.perf_counter() - start)

    def close(self) -> None:
        self.open = False
        self.writer.close()


def request(method: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    """The bytes of a request."""
    length = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: a", *length, *headers, "", ""]).encode() + body


GENERATE = request("GET", "/generate?seed=7&format=npy")


async def compare(port: int, control: int, seconds: float) -> float:
    """How many times longer a small request takes at one service than at another: medians of requests to both
    in turn, so that a busy machine slows both."""
    connections = [await Connection.to(port), await Connection.to(control)]
    took: list[list[float]] = [[], []]
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for connection, held in zip(connections, took, strict=True):
            answer = await connection.ask(GENERATE)
            if answer.status != 200:
                raise RuntimeError(f"the probe was answered {answer.status}")
            held.append(answer.seconds)
    for connection in connections:
        connection.close()
    return statistics.median(took[0]) / statistics.median(took[1])


def percentile(values: list[float], percent: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]
