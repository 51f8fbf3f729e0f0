"""Everything that a client sends besides bodies is bounded, and nothing of it reaches the handlers."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from service.server.reader import FRAMING_PER_BODY_BYTE
from service.settings import Settings
from tests.service.server.serving import CLOSE, GET, Serving, head, served, until

CHUNKED = head("POST", "/forwarded", "Transfer-Encoding: chunked")
LIMIT = 4096


@pytest.fixture
async def patient(settings: Settings) -> AsyncIterator[Serving]:
    """A server whose deadlines never pass in a test."""
    async with served(settings, header_bytes=LIMIT, json_body_bytes=5_000_000) as running:
        yield running


def body_of(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


async def test_trailers_never_become_headers(patient: Serving) -> None:
    trailers = b"X-Forwarded-For: 6.6.6.6\r\nX-Request-ID: mine\r\nX-T: 1\r\nHost: b\r\n"
    request = head("POST", "/forwarded", "Transfer-Encoding: chunked", CLOSE)
    answer = await patient.exchange(request + b"1\r\na\r\n0\r\n" + trailers + b"\r\n")
    assert body_of(answer) == {"host": "a", "body": 1, "path": "/forwarded"}
    assert b"mine" not in answer


def endless(first: bytes, more: bytes) -> Iterator[bytes]:
    return itertools.chain([first], itertools.repeat(more * (60_000 // len(more))))


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (lambda: endless(CHUNKED + b"1\r\na\r\n0\r\n", b"X-T: 1\r\n"), b"431"),
        (lambda: endless(CHUNKED + b"1\r\na\r\n0\r\nX-T: ", b"x"), b"431"),
        (lambda: endless(CHUNKED + b"1\r\na\r\n0\r\n", b"x"), b"431"),
        (lambda: endless(CHUNKED + b"100000\r\n" + bytes(2**20) + b"\r\n0\r\nX-T: ", b"x"), b"431"),
        (lambda: endless(CHUNKED + b"1;x=", b"x"), b"431"),
        (lambda: endless(CHUNKED, b"0"), b"431"),
        (lambda: endless(CHUNKED, b"1;" + b"x" * 997 + b"\r\na\r\n"), b"431"),
        (lambda: endless(GET, b"\r\n"), b"400"),
        (lambda: endless(b"", b"\r\n"), b"400"),
    ],
    ids=[
        "headers",
        "value",
        "name",
        "value behind a body",
        "extension",
        "zeros",
        "extensions",
        "lines",
        "first lines",
    ],
)
async def test_endless_framing_ends_the_connection(patient: Serving, data: Any, status: bytes) -> None:
    async with patient.connection() as (reader, writer):
        refused = asyncio.ensure_future(reader.readuntil(b"HTTP/1.1 " + status))
        sent = 0
        for piece in data():
            writer.write(piece)
            await writer.drain()
            sent += len(piece)
            await asyncio.sleep(0.001)
            if refused.done() or sent > 20_000_000:
                break
        assert await asyncio.wait_for(refused, 5)
        # The limit is 4 kB; the rest is what was on its way before the client saw the answer.
        assert sent < 5_000_000
        assert await asyncio.wait_for(reader.read(), 5)


async def test_many_small_chunks_are_a_body(patient: Serving) -> None:
    """Also with chunk extensions, as long as they are few for each byte."""
    chunks = b"1\r\na\r\n" * 50_000 + b"01;e=1\r\na\r\n" * 10_000 + b"0\r\n\r\n"
    request = head("POST", "/forwarded", "Transfer-Encoding: chunked", CLOSE)
    answer = await patient.exchange(request + chunks)
    assert body_of(answer)["body"] == 60_000
    assert FRAMING_PER_BODY_BYTE >= 8


async def test_small_chunks_cost_less_than_a_millisecond_per_kilobyte(patient: Serving) -> None:
    async def cost_ms(chunks: int) -> float:
        """Processor time of client and server for each kB sent."""
        data = CHUNKED + b"1\r\na\r\n" * chunks + b"0\r\n\r\n"
        async with patient.connection() as (reader, writer):
            before = time.process_time()
            writer.write(data)
            await reader.readuntil(b"}")
            return (time.process_time() - before) * 1e6 / len(data)

    assert await cost_ms(400_000) < 1


async def test_a_pipeline_is_parsed_as_it_is_answered(patient: Serving) -> None:
    """Not all at once: each request that waits costs some kB. They are answered in their order."""
    waiting = []
    requests = 5_000
    async with patient.connection() as (reader, writer):
        writer.write(head("GET", "/held"))
        await until(lambda: patient.handlers.entered == 1)
        (connection,) = patient.server.server_state.connections
        get = b"GET /forwarded HTTP/1.1\r\nHost: %d\r\n\r\n"
        writer.write(b"".join(get % number for number in range(requests)))
        await asyncio.sleep(0.2)
        waiting.append(len(connection.pipeline))  # type: ignore[union-attr]
        patient.handlers.go.set()
        await reader.readuntil(b"held")
        for number in range(requests):
            await reader.readuntil(b"\r\n\r\n")
            answer = await reader.readuntil(b"}")
            assert json.loads(answer)["host"] == str(number)
            waiting.append(len(connection.pipeline))  # type: ignore[union-attr]
    assert 0 < max(waiting) < 200


async def test_a_body_behind_a_waiting_request_has_its_time_when_it_is_read(serving: Serving) -> None:
    async with serving.connection() as (reader, writer):
        post = head("POST", "/reads", "Content-Length: 3")
        writer.write(head("GET", "/held") + post[:20])
        await until(lambda: serving.handlers.entered == 1)
        writer.write(post[20:] + b"a")
        await asyncio.sleep(0.6)  # Twice HEADER_TIMEOUT_S and BODY_TIMEOUT_S.
        serving.handlers.go.set()
        await reader.readuntil(b"held")
        writer.write(b"bc")
        assert (await reader.readuntil(b"abc")).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("pieces", [1, 40])
async def test_upgrade_is_ignored(patient: Serving, pieces: int) -> None:
    """Body and following requests are those of HTTP/1.1 (RFC 9110, 7.8)."""
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AA")
    data = (
        head("POST", "/forwarded", *upgrade, "Content-Length: 3")
        + b"abc"
        + head("POST", "/forwarded", *upgrade, "Transfer-Encoding: chunked")
        + b"2\r\nab\r\n0\r\n\r\n"
        + head("GET", "/forwarded", "Connection: Upgrade", "Upgrade: websocket")
        + head("GET", "/forwarded", CLOSE)
    )
    async with patient.connection() as (reader, writer):
        for number in range(pieces):
            size = -(-len(data) // pieces)
            writer.write(data[number * size : (number + 1) * size])
            await asyncio.sleep(0.002)
        answers = (await asyncio.wait_for(reader.read(), 5)).split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"200"] * 4
    assert [body_of(answer)["body"] for answer in answers] == [3, 2, 0, 0]
