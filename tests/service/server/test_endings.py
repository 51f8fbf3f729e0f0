"""Connections end in time: clients that do not read, half-close or leave, too many of them, and shutdown."""

import asyncio
import logging
import socket
import time
from typing import Any

import pytest

from service.server import lifecycle
from service.server.descriptors import RESERVED, allowed_connections
from service.settings import Settings
from tests.service.server.serving import CLOSE, GET, Serving, head, served, until


def unread(serving: Serving) -> socket.socket:
    """A client that takes next to nothing of what it is sent."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", serving.port))
    return client


@pytest.mark.parametrize("more", [b"", head("GET", "/large") * 3, head("GET", "/held")])
async def test_a_client_that_does_not_read_is_cut(settings: Settings, more: bytes) -> None:
    """While the connection is kept, while more answers wait for it, and while another is being made."""
    async with served(settings, write_timeout_s=0.3) as serving:
        with unread(serving) as client:
            client.sendall(head("GET", "/large") + more)
            await until(lambda: serving.handlers.entered > 0)
            await until(lambda: not serving.server.server_state.connections)
        await until(lambda: b'code="too-slow-reader"} 1.0' in serving.metrics.render())
        assert serving.handlers.cancelled == (b"held" in more)


async def test_a_little_that_is_not_read_is_enough_to_be_cut(settings: Settings) -> None:
    """Too little for the transport to pause the handler."""
    async with served(settings, write_timeout_s=0.3) as serving:
        with unread(serving) as client:
            await until(lambda: serving.server.server_state.connections)
            (connection,) = serving.server.server_state.connections
            accepted = connection.transport.get_extra_info("socket")
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            client.sendall(head("GET", "/large?n=50000"))
            await until(lambda: serving.handlers.entered > 0)
            await until(lambda: not serving.server.server_state.connections)


async def test_unread_answers_are_bounded_together(settings: Settings) -> None:
    """The client that reads nothing is cut for the next one, long before its own deadline."""
    async with served(settings, write_timeout_s=600, unsent_bytes=20_000_000) as serving:
        state = serving.server.server_state
        with unread(serving) as first:
            first.sendall(head("GET", "/large"))
            await until(lambda: any(one.transport.get_write_buffer_size() for one in state.connections))
            with unread(serving) as second:
                second.sendall(head("GET", "/large"))
                await until(lambda: serving.handlers.entered == 2 and len(state.connections) == 1)
                second.settimeout(5)
                assert second.recv(12) == b"HTTP/1.1 200"


async def test_a_closing_connection_whose_client_does_not_read_is_cut(settings: Settings) -> None:
    async with served(settings, write_timeout_s=0.3) as serving:
        with unread(serving) as client:
            client.sendall(head("GET", "/large", CLOSE))
            await until(lambda: serving.handlers.entered > 0)
            await until(lambda: not serving.server.server_state.connections)


async def test_a_slow_reader_is_served(settings: Settings) -> None:
    """It takes more than 64 kB in each WRITE_TIMEOUT_S, and much longer in total."""
    async with served(settings, write_timeout_s=1.0) as serving:
        with unread(serving) as client:
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(client, head("GET", "/large", CLOSE))
            received, start = 0, time.monotonic()
            while chunk := await loop.sock_recv(client, 2**17):
                received += len(chunk)
                if time.monotonic() - start < 3:
                    await asyncio.sleep(0.02)
        assert received > 16_000_000
        assert time.monotonic() - start > 3


async def test_an_answer_that_leaves_at_once_starts_no_timer(serving: Serving) -> None:
    async with serving.connection() as (reader, writer):
        writer.write(GET)
        await reader.readuntil(b"}")
        (connection,) = serving.server.server_state.connections
        assert connection._write_deadline._timer is None  # type: ignore[union-attr]


async def test_one_connection_too_many_is_503(settings: Settings) -> None:
    async with served(settings, max_connections=2) as serving:
        async with serving.connection() as (_, _), serving.connection() as (reader, writer):
            await until(lambda: len(serving.server.server_state.connections) == 2)
            answer = await serving.exchange(b"")
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nRetry-After: 1\r\n" in answer
            writer.write(GET)
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        await until(lambda: not serving.server.server_state.connections)
        assert (await serving.exchange(head("GET", "/models", CLOSE))).startswith(b"HTTP/1.1 200 ")
        assert b'code="too-many-connections"} 1.0' in serving.metrics.render()


def test_connections_are_limited_to_what_the_system_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    limits = [100, 1000]
    monkeypatch.setattr(resource, "getrlimit", lambda _: tuple(limits))
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: limits.__setitem__(slice(None), wanted))
    assert allowed_connections(500) == 500
    assert limits == [1000, 1000]
    assert allowed_connections(4096) == 1000 - RESERVED


async def test_a_half_closed_client_gets_its_answer(serving: Serving) -> None:
    async with serving.connection() as (reader, writer):
        writer.write(head("GET", "/held"))
        await until(lambda: serving.handlers.entered == 1)
        writer.write_eof()
        interim = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
        serving.handlers.go.set()
        answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"held")


async def test_a_half_closed_client_of_http_1_0_gets_nothing_but_its_answer(serving: Serving) -> None:
    async with serving.connection() as (reader, writer):
        writer.write(b"GET /held HTTP/1.0\r\n\r\n")
        writer.write_eof()
        await asyncio.sleep(0.2)
        serving.handlers.go.set()
        assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 200 ")


async def test_a_half_closed_pipeline_is_answered(serving: Serving) -> None:
    async with serving.connection() as (reader, writer):
        writer.write(head("GET", "/forwarded") * 3 + b"GET / HT")
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.count(b"HTTP/1.1 200 ") == answer.count(b"HTTP/1.1 ") == 3


@pytest.mark.parametrize("data", [b"", b"GET / HTTP", GET])
async def test_an_eof_with_nothing_to_answer_closes_at_once(settings: Settings, data: bytes) -> None:
    async with served(settings) as serving, serving.connection() as (reader, writer):
        writer.write(data)
        if data == GET:
            await reader.readuntil(b"}")
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 5) == b""


async def test_a_client_that_leaves_a_pipeline_leaves_no_error(
    serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        async with serving.connection() as (_, writer):
            writer.write(head("GET", "/held") * 3)
            await until(lambda: serving.handlers.entered == 1)
        with unread(serving) as client:
            client.sendall(head("GET", "/large") * 5)
            await until(lambda: serving.handlers.entered > 1)
        serving.handlers.go.set()
        await until(lambda: not serving.server.server_state.connections)
        await until(lambda: not serving.server.server_state.tasks)
    assert not caplog.records


async def test_the_two_deadlines_of_reading_are_not_exchanged(settings: Settings) -> None:
    for late, data in (("header_timeout_s", b"GET / HT"), ("body_timeout_s", None)):
        limits: dict[str, Any] = {"header_timeout_s": 60.0, "body_timeout_s": 60.0} | {late: 0.2}
        async with served(settings, **limits) as serving:
            half = data or head("POST", "/reads", "Content-Length: 9") + b"abc"
            assert (await serving.exchange(half)).startswith(b"HTTP/1.1 408 ")
            other = head("POST", "/reads", "Content-Length: 9") if data else b"GET / HT"
            async with serving.connection() as (reader, writer):
                writer.write(other)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(reader.read(1), 0.6)


async def test_the_drain_timeout_cuts_what_remains(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """A slow body, a long handler, an answer that nobody reads: all end after DRAIN_TIMEOUT_S, not before."""
    async with served(settings, drain_timeout_s=1) as serving:
        with unread(serving) as client:
            client.sendall(head("GET", "/large"))
            async with serving.connection() as (reader, writer), serving.connection() as (_, late):
                writer.write(head("POST", "/reads", "Content-Length: 9") + b"abc")
                late.write(head("GET", "/held"))
                await until(lambda: serving.handlers.entered == 3)
                start = time.monotonic()
                serving.server.should_exit = True
                answer = await asyncio.wait_for(reader.read(), 20)
                assert time.monotonic() - start >= 0.9
                assert answer.startswith(b"HTTP/1.1 503 ")
                await until(lambda: serving.handlers.cancelled == 1)
                await until(lambda: b'route="/reads",status="503"' in serving.metrics.render())
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
        "cut 3 connections that did not end within 1 s"
    ]
    assert lifecycle.CLEANUP_S < 1
