"""Attacks on the connection and on the head of a request."""

import asyncio
import itertools
import select
import socket
import string

from benchmarks.faults.attacks.attacker import SOURCE, Attacker
from benchmarks.faults.wire import Connection, request

CHUNKED = (
    b"POST /generate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n%s\r\n2\r\n{}\r\n0\r\n"
)
TRAILER_BYTES = 64_000_000
"""After so many on one connection nothing limits them. It then stays open, and so does what it holds."""
PROXIED = 60
"""Requests sent at once, three times RATE_BURST."""
QUERY_BYTES = 32_000
UNREAD_CONNECTIONS = 40
UNREAD_REQUESTS = 64
CHECK_S = 0.25
STAGGER_S = 0.1
UPGRADED_S = 2.0


async def trailers(attacker: Attacker) -> None:
    """Chunked bodies with trailers that do not end."""
    block = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 100) for number in range(600))
    answer = await attacker.ask(CHUNKED % b"" + b"X-Request-ID: from-a-trailer\r\n\r\n")
    if answer is not None and answer.headers.get("x-request-id") == "from-a-trailer":
        attacker.wrong["a trailer became the request's X-Request-ID"] += 1

    async def once() -> None:
        connection = await attacker.connect()
        connection.writer.write(CHUNKED % b"")
        try:
            for _ in range(TRAILER_BYTES // len(block)):
                connection.writer.write(block)
                await connection.writer.drain()
                await asyncio.sleep(0.001)
        except OSError:
            connection.close()
            raise
        attacker.wrong[f"{TRAILER_BYTES:,} bytes of trailers were taken"] += 1
        await asyncio.Event().wait()

    await attacker.loops(2, once)


async def forwarded_trailers(attacker: Attacker) -> None:
    """Trailers that name another client, to pass a rate limit behind a proxy."""
    numbers = itertools.count()

    async def once() -> bool:
        trailer = f"X-Forwarded-For: 10.1.2.{next(numbers) % 250}\r\n\r\n".encode()
        answer = await attacker.ask(CHUNKED % b"X-Forwarded-For: 10.0.0.1\r\n" + trailer)
        return answer is not None and answer.status == 200

    passed = sum(await asyncio.gather(*(once() for _ in range(PROXIED))))
    if passed > PROXIED // 2:
        attacker.wrong[f"{passed} of {PROXIED} requests passed the rate limit by a trailer"] += 1
    await attacker.loops(2, once)


async def queries(attacker: Attacker) -> None:
    """Queries of thousands of unknown names."""
    data = [many_names(path) for path in ("/generate", "/score", "/encode", "/classify")]
    turns = itertools.cycle(data)
    await attacker.loops(2, lambda: attacker.ask(next(turns)))


def many_names(path: str) -> bytes:
    """A request with as many different names as fit into the header limit."""
    names = ("".join(pair) for n in (1, 2, 3) for pair in itertools.product(string.ascii_letters, repeat=n))
    query = "&".join(itertools.islice(names, QUERY_BYTES // 4 + 1_000))[:QUERY_BYTES]
    return request("GET" if path == "/generate" else "POST", f"{path}?{query}")


async def unread(attacker: Attacker) -> None:
    """Pipelined requests for large answers, none of which is read."""
    loop = asyncio.get_running_loop()
    # The kernel takes some megabytes of a connection before anything waits: a fast model fills them soon.
    query = "model=gan&n=256&format=npy"
    pipeline = b"".join(request("GET", f"/generate?{query}&seed={seed}") for seed in range(UNREAD_REQUESTS))
    held: list[socket.socket] = []

    async def connect() -> socket.socket:
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.setblocking(False)
        one.bind((SOURCE, 0))
        await loop.sock_connect(one, ("127.0.0.1", attacker.port))
        await loop.sock_sendall(one, pipeline)
        attacker.counts["pipelines"] += 1
        return one

    attacker.ready()
    attacker.keep(held)
    while True:
        held[:] = [one for one in held if not _reset(one)]
        if len(held) < UNREAD_CONNECTIONS:
            held.append(await connect())
            # At once, most requests would be refused for the client's share of the queue, with small answers.
            await asyncio.sleep(STAGGER_S)
        else:
            await asyncio.sleep(CHECK_S)


async def upgrades(attacker: Attacker) -> None:
    """Requests that offer an upgrade, as `curl --http2` does, with another request behind them."""
    headers = ["Content-Type: application/json", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"]
    pair = request("POST", "/generate", b'{"n": 2}', *headers, "HTTP2-Settings: AAMAAABkAAQAAP__")
    pair += request("GET", "/generate?labels=7&seed=1")

    async def once() -> None:
        attacker.counts["pairs"] += 1
        connection = await attacker.connect()
        try:
            async with asyncio.timeout(UPGRADED_S):
                first = await connection.ask(pair)
                if first.status != 200 or first.body.count(b"b64_json") != 2:
                    attacker.wrong[f"the first of a pair was answered {first.status}"] += 1
                second = await connection.answer(0)
                if second.status != 200:
                    attacker.wrong[f"the second of a pair was answered {second.status}"] += 1
        except (OSError, EOFError) as error:
            attacker.wrong[f"a request of a pair was not answered: {type(error).__name__}"] += 1
        finally:
            connection.close()

    await attacker.loops(2, once)


async def scrapes(attacker: Attacker) -> None:
    """Eight clients that read /metrics without a pause."""

    async def client() -> None:
        connection: Connection | None = None
        while True:
            try:
                if connection is None or not connection.open:
                    connection = await attacker.connect()
                attacker.counts[str((await connection.ask(SCRAPE)).status)] += 1
            except (OSError, EOFError) as error:
                attacker.counts[type(error).__name__] += 1
                await asyncio.sleep(CHECK_S)

    await asyncio.gather(*(client() for _ in range(8)))


SCRAPE = request("GET", "/metrics")


def _reset(one: socket.socket) -> bool:
    """Close the socket if the service has reset it. Nothing is read from it."""
    poll = select.poll()
    poll.register(one, 0)
    if poll.poll(0):
        one.close()
        return True
    return False
