"""Head and body leave together, and nothing that a client waits for is held back."""

import asyncio
import logging
import socket
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from service.server.sender import Sender, Sending
from tests.service.conftest import Server


class Transport:
    """Notes what reaches the kernel, a call each."""

    def __init__(self) -> None:
        self.calls: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.calls.append(data)

    def writelines(self, parts: tuple[bytes, ...]) -> None:
        self.calls.append(b"".join(parts))

    def close(self) -> None:
        self.calls.append(b"(closed)")

    def is_closing(self) -> bool:
        return self.calls[-1:] == [b"(closed)"]


Message = dict[str, Any]


def cycle(transport: Transport, *, keep_alive: bool = True) -> RequestResponseCycle:
    """An answer that is about to begin."""
    given: Any = {
        "scope": {"method": "GET"},
        "transport": transport,
        "flow": SimpleNamespace(write_paused=False),
        "logger": logging.getLogger(),
        "access_logger": logging.getLogger(),
        "access_log": False,
        "default_headers": [(b"date", b"today")],
        "message_event": asyncio.Event(),
        "expect_100_continue": False,
        "keep_alive": keep_alive,
        "on_response": lambda: transport.calls.append(b"(done)"),
    }
    return RequestResponseCycle(**given)


def start(*headers: tuple[bytes, bytes], status: int = 200) -> Message:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(content: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


LENGTH = (b"content-length", b"4")
WHOLE = {
    "whole": [start(LENGTH, (b"x-a", b"1, \xe9")), body(b"body")],
    "refused": [start(LENGTH, status=422), body(b"body")],
    "empty": [start((b"content-length", b"0")), body(b"")],
}
BY_UVICORN = {
    "in parts": [start(LENGTH), body(b"bo", more=True), body(b"dy")],
    "without a length": [start(), body(b"body")],
    "without a body": [start(status=304), body(b"")],
    "the last one": [start(LENGTH, (b"connection", b"close")), body(b"body")],
}


async def sent(messages: list[Message], *, own: bool, keep_alive: bool = True) -> list[bytes]:
    """What reaches the kernel, by uvicorn's way or by ours."""
    transport = Transport()
    answer = cycle(transport, keep_alive=keep_alive)
    uvicorn: Any = answer.send
    send: Any = Sender(answer, uvicorn) if own else uvicorn
    for message in messages:
        await send(message)
    assert answer.response_started
    assert answer.response_complete
    assert answer.message_event.is_set()
    return transport.calls


@pytest.mark.parametrize("messages", WHOLE.values(), ids=WHOLE)
async def test_a_whole_answer_leaves_at_once_with_the_bytes_of_uvicorn(messages: list[Message]) -> None:
    *parts, done = await sent(messages, own=False)
    assert await sent(messages, own=True) == [b"".join(parts), done]


@pytest.mark.parametrize("messages", BY_UVICORN.values(), ids=BY_UVICORN)
async def test_other_answers_leave_as_uvicorn_sends_them(messages: list[Message]) -> None:
    assert await sent(messages, own=True) == await sent(messages, own=False)


async def test_the_last_answer_of_a_connection_says_so_and_closes_it() -> None:
    calls = await sent(WHOLE["whole"], own=True, keep_alive=False)
    assert calls == await sent(WHOLE["whole"], own=False, keep_alive=False)
    assert b"connection: close" in calls[0]
    assert b"(closed)" in calls


@pytest.mark.parametrize(
    "value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb", b"a\r\n\r\nbody", b"a\0", b"\x7f"]
)
async def test_a_value_that_would_be_two_headers_is_not_sent(value: bytes) -> None:
    for own in (True, False):
        with pytest.raises(RuntimeError, match="Invalid HTTP header"):
            await sent([start(LENGTH, (b"x-a", value)), body(b"body")], own=own)


@pytest.mark.parametrize("length", [b"3", b"5"])
async def test_a_body_of_another_length_than_announced_is_refused(length: bytes) -> None:
    with pytest.raises(RuntimeError, match="Response content"):
        await sent([start((b"content-length", length)), body(b"body")], own=True)


async def test_nobody_is_sent_anything_after_leaving() -> None:
    transport = Transport()
    answer = cycle(transport)
    answer.disconnected = True
    uvicorn: Any = answer.send
    send = Sender(answer, uvicorn)
    for message in WHOLE["whole"]:
        await send(message)
    assert transport.calls == []


async def test_an_answer_that_fails_before_its_body_can_still_become_another() -> None:
    transport = Transport()
    answer = cycle(transport)

    async def broken(_scope: Any, _receive: Any, send: Any) -> None:
        await send(start(LENGTH))
        raise ValueError("before the body")

    app: Any = Sending(broken, answer)
    await answer.run_asgi(app)
    assert transport.calls[0].startswith(b"HTTP/1.1 500 ")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_page_is_answered(http: httpx.Client, method: str) -> None:
    answer = http.request(method, "/")
    assert answer.status_code == 200
    assert len(answer.content) == (int(answer.headers["content-length"]) if method == "GET" else 0)
    etag = answer.headers["etag"]
    assert http.request(method, "/", headers={"If-None-Match": etag}).status_code == 304


def test_a_client_that_waits_for_100_gets_it(server: Server) -> None:
    head = b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(head)
        assert client.recv(1000).startswith(b"HTTP/1.1 100 Continue")
        client.sendall(b"{}")
        assert client.recv(1000).startswith(b"HTTP/1.1 200 OK")
