"""Head and body leave together, and nothing that a client waits for is held back."""

import socket
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from service.joined import Joined
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


@pytest.fixture
def transport() -> Transport:
    return Transport()


def joined(transport: Transport, *, started: bool = True) -> tuple[Joined, Any]:
    cycle: Any = SimpleNamespace(response_started=started)
    return Joined(cycle, transport), cycle


def test_the_head_leaves_with_the_body(transport: Transport) -> None:
    answer, _ = joined(transport)
    for part in (b"head ", b"body", b"more", b"end"):
        answer.write(part)
    assert transport.calls == [b"head body", b"more", b"end"]


def test_an_empty_body_lets_the_head_go(transport: Transport) -> None:
    answer, _ = joined(transport)
    answer.write(b"head")
    answer.write(b"")
    assert transport.calls == [b"head"]


def test_what_comes_before_the_head_is_not_held_back(transport: Transport) -> None:
    answer, cycle = joined(transport, started=False)
    answer.write(b"100 Continue")
    assert transport.calls == [b"100 Continue"]
    cycle.response_started = True
    answer.write(b"head ")
    answer.write(b"body")
    assert transport.calls == [b"100 Continue", b"head body"]


def test_a_cut_answer_still_has_its_head(transport: Transport) -> None:
    answer, _ = joined(transport)
    answer.write(b"head")
    assert not answer.is_closing()
    answer.close()
    assert transport.calls == [b"head", b"(closed)"]
    assert answer.is_closing()


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
