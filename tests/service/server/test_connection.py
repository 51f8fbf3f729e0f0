"""The server around handlers of our own: half-sent bodies, clients that leave, pipelines, an orderly end."""

import asyncio
from contextlib import suppress

from tests.service.server.serving import CLOSE, Serving, head, until


async def test_half_a_body_is_answered_408(serving: Serving) -> None:
    answer = await serving.exchange(head("POST", "/reads", "Content-Length: 9") + b"abc")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code": "too-slow"' in answer
    await until(lambda: b'mnist_gan_failures_total{code="too-slow"} 1.0' in serving.metrics.render())
    assert b'route="/reads",status="408"' in serving.metrics.render()


async def test_half_a_body_on_a_kept_connection_is_answered_408(serving: Serving) -> None:
    async with serving.connection() as (reader, writer):
        writer.write(head("POST", "/reads", "Content-Length: 1") + b"a")
        await reader.readuntil(b"\r\n\r\na")
        writer.write(head("POST", "/reads", "Content-Length: 9") + b"abc")
        answer = await asyncio.wait_for(reader.readline(), 5)
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_chunked_body_that_never_ends_is_answered_408(serving: Serving) -> None:
    async with serving.connection() as (reader, writer):
        writer.write(head("POST", "/reads", "Transfer-Encoding: chunked"))
        answer = b""
        for _ in range(40):
            writer.write(b"1\r\na\r\n")
            await asyncio.sleep(0.05)
            with suppress(TimeoutError):
                answer = await asyncio.wait_for(reader.readline(), 0.01)
                break
        assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_body_in_pieces_is_put_together(serving: Serving) -> None:
    async with serving.connection() as (reader, writer):
        writer.write(head("POST", "/reads", "Content-Length: 6", CLOSE))
        for piece in (b"ab", b"cd", b"ef"):
            await asyncio.sleep(0.03)
            writer.write(piece)
        assert (await reader.read()).endswith(b"\r\n\r\nabcdef")


async def test_a_body_that_is_refused_unread_still_gets_its_answer(serving: Serving) -> None:
    body = b"x" * 2_000_000
    async with serving.connection() as (reader, writer):
        writer.write(head("POST", "/small", f"Content-Length: {len(body)}") + body)
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")


async def test_a_handler_whose_client_left_is_cancelled(serving: Serving) -> None:
    async with serving.connection() as (_, writer):
        writer.write(head("GET", "/held"))
        await until(lambda: serving.handlers.entered == 1)
    await until(lambda: serving.handlers.cancelled == 1)
    await until(lambda: b'code="client-left"} 1.0' in serving.metrics.render())
    assert b'route="/held",status="499"' in serving.metrics.render()


async def test_a_client_that_leaves_amid_its_body_is_499(serving: Serving) -> None:
    async with serving.connection() as (_, writer):
        writer.write(head("POST", "/reads", "Content-Length: 9") + b"abc")
        await until(lambda: serving.handlers.entered == 1)
    await until(lambda: b'route="/reads",status="499"' in serving.metrics.render())


async def test_pipelined_requests_are_answered_in_order(serving: Serving) -> None:
    data = b"".join(head("POST", "/reads", "Content-Length: 1") + b"%d" % n for n in range(9))
    answer = await serving.exchange(data + head("POST", "/reads", "Content-Length: 1", CLOSE) + b"9")
    assert answer.count(b"HTTP/1.1 200 ") == 10
    bodies = [part.split(b"\r\n\r\n")[1][:1] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert b"".join(bodies) == b"0123456789"


async def test_half_a_head_behind_a_request_does_not_spoil_its_answer(serving: Serving) -> None:
    async with serving.connection() as (reader, writer):
        writer.write(head("GET", "/held") + b"GET / HT")
        await asyncio.sleep(0.5)
        serving.handlers.go.set()
        answer = await asyncio.wait_for(reader.read(), 5)
    first, second = answer.split(b"held")
    assert first.startswith(b"HTTP/1.1 200 ")
    assert second.startswith(b"HTTP/1.1 408 ")


async def test_a_long_answer_has_no_deadline_of_the_connection(serving: Serving) -> None:
    async with serving.connection() as (reader, writer):
        writer.write(head("GET", "/held", CLOSE))
        await asyncio.sleep(0.7)
        serving.handlers.go.set()
        assert (await asyncio.wait_for(reader.read(), 5)).endswith(b"held")


async def test_requests_under_way_are_finished(serving: Serving) -> None:
    async with serving.connection() as (reader, writer):
        writer.write(head("GET", "/held"))
        await until(lambda: serving.handlers.entered == 1)
        serving.server.should_exit = True
        await until(lambda: not serving.server.servers[0].is_serving())
        serving.handlers.go.set()
        answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer
