"""A real server process against clients that are slow, excessive, gone or garbled, and its orderly end."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvloop
from fastapi import FastAPI

from service.app import create_app
from service.server import Server as OurServer
from service.settings import Settings
from tests.service.bundles import write_bundle
from tests.service.conftest import ROOT, Server, free_port, start_server

GET = b"GET /health/live HTTP/1.1\r\nHost: a\r\n"


@pytest.fixture(scope="module")
def strict(models_dir: Path) -> Iterator[Server]:
    """A server of little patience."""
    with start_server(
        models_dir, HEADER_TIMEOUT_S="0.5", BODY_TIMEOUT_S="0.5", KEEP_ALIVE_S="1", HEADER_BYTES="4096"
    ) as server:
        yield server


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), 10)


def rest(connection: socket.socket) -> bytes:
    """All that the server still sends until it closes."""
    received = b""
    with connection:
        while chunk := connection.recv(65536):
            received += chunk
    return received


def exchange(server: Server, *pieces: bytes) -> bytes:
    connection = connect(server)
    for piece in pieces:
        connection.sendall(piece)
        time.sleep(0.02)
    return rest(connection)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_half_a_head_is_answered_408(strict: Server) -> None:
    start = time.monotonic()
    answer = exchange(strict, GET)
    assert status(answer) == 408
    assert b"application/problem+json" in answer
    assert b"connection: close" in answer
    assert 0.4 < time.monotonic() - start < 3


def test_trickling_a_head_does_not_help(strict: Server) -> None:
    connection = connect(strict)
    start = time.monotonic()
    connection.sendall(b"GET /health/live HTTP/1.1\r\n")
    try:
        while time.monotonic() - start < 3:
            connection.sendall(b"X: y\r\n")
            time.sleep(0.1)
    except OSError:
        pass
    assert time.monotonic() - start < 2
    connection.close()


def test_a_connection_that_asks_nothing_is_closed(strict: Server) -> None:
    start = time.monotonic()
    assert exchange(strict) == b""
    assert exchange(strict, b"\r\n") == b""
    assert time.monotonic() - start < 4


def test_a_request_that_was_answered_before_its_body_came_is_answered_once(strict: Server) -> None:
    head = b"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"
    answers = exchange(strict, head)
    assert status(answers) == 404  # Nobody reads a body there: it is answered at once, and then cut.
    assert answers.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    ("path", "kind"),
    [(b"/score", b"application/problem+json"), (b"/v2/models/tiny/infer", b"application/json")],
)
def test_half_a_body_is_answered_408_in_the_words_of_its_api(
    strict: Server, path: bytes, kind: bytes
) -> None:
    head = b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc" % path
    answers = exchange(strict, head)
    assert status(answers) == 408
    assert b"content-type: %b\r\n" % kind in answers
    assert answers.count(b"HTTP/1.1 ") == 1


def test_stray_line_ends_do_not_keep_a_connection(strict: Server) -> None:
    start = time.monotonic()
    answer = exchange(strict, GET + b"\r\n", b"\r\n", b"\r\n")
    assert status(answer) == 200
    assert time.monotonic() - start < 4


def test_keep_alive_ends(strict: Server) -> None:
    start = time.monotonic()
    assert status(exchange(strict, GET + b"\r\n")) == 200
    assert 0.8 < time.monotonic() - start < 4


@pytest.mark.parametrize(
    "head",
    [
        GET + b"X: " + b"y" * 5000 + b"\r\n\r\n",
        GET + b"X: y\r\n" * 900 + b"\r\n",
        b"GET /" + b"y" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        GET + b"X: " + b"y" * 5000,
        b"GET /" + b"y" * 5000,
        GET + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
    ],
)
def test_a_head_that_is_too_large_is_431(strict: Server, head: bytes) -> None:
    answer = exchange(strict, head)
    assert status(answer) == 431
    assert b"headers-too-large" in answer


def test_a_head_just_below_the_limit_is_served(strict: Server) -> None:
    head = GET + b"X: " + b"y" * 3900 + b"\r\nConnection: close\r\n\r\n"
    assert status(exchange(strict, head)) == 200
    assert status(exchange(strict, head[:2000], head[2000:])) == 200


def test_many_requests_in_one_piece_are_all_served(strict: Server) -> None:
    """Together they exceed the limit of a head; each alone does not."""
    one = GET + b"X: " + b"y" * 1000 + b"\r\n\r\n"
    last = GET + b"Connection: close\r\n\r\n"
    assert exchange(strict, one * 19 + last).count(b"HTTP/1.1 200") == 20


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_no_http_is_400_or_closed(strict: Server, data: bytes) -> None:
    answer = exchange(strict, data)
    assert answer == b"" or status(answer) in (400, 404)
    assert b"Traceback" not in answer


def test_garbage_after_a_request_does_not_spoil_its_answer(strict: Server) -> None:
    answer = exchange(strict, GET + b"\r\n" + b"garbage garbage\r\n\r\n")
    assert status(answer) == 200


def test_a_request_for_another_protocol_is_answered_in_this_one(strict: Server) -> None:
    answer = exchange(
        strict, GET + b"Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n"
    )
    assert status(answer) == 200


def test_the_server_survived_all_that(strict: Server) -> None:
    assert httpx.get(f"{strict.url}/health/ready").status_code == 200
    assert strict.process.poll() is None


def test_sigterm_drains_and_exits_0(models_dir: Path) -> None:
    """Readiness fails at once, new connections are served until the delay is over."""
    with start_server(models_dir, DRAIN_DELAY_S="1") as server, httpx.Client(base_url=server.url) as client:
        client.get("/health/ready")
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        answer = client.get("/health/ready")
        assert (answer.status_code, answer.headers["connection"]) == (503, "close")
        assert httpx.get(f"{server.url}/models").status_code == 200
        assert server.process.wait(10) == 0
        assert 0.9 < time.monotonic() - start < 4


def test_ctrl_c_does_not_wait(models_dir: Path) -> None:
    with start_server(models_dir, DRAIN_DELAY_S="30") as server:
        assert server.stop(signal.SIGINT) == 0


def test_a_second_signal_ends_at_once(models_dir: Path) -> None:
    with start_server(models_dir, DRAIN_DELAY_S="30") as server:
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        assert server.stop() == -signal.SIGTERM


def test_requests_under_way_are_finished(models_dir: Path) -> None:
    """A body that arrives while the server ends is still answered."""
    with start_server(models_dir) as server:
        connection = connect(server)
        connection.sendall(
            b"POST /score HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: 4\r\n\r\nab"
        )
        time.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        connection.sendall(b"cd")
        answer = rest(connection)
        assert status(answer) == 422
        assert server.process.wait(10) == 0


async def started(app: FastAPI, settings: Settings) -> tuple[OurServer, tuple[str, int]]:
    """The server in this event loop, with its address; to be shut down."""
    server = OurServer(app, settings.model_copy(update={"port": 0}))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    return server, ("127.0.0.1", server.servers[0].sockets[0].getsockname()[1])


@pytest.mark.anyio
@pytest.mark.parametrize("accepted", [False, True])
async def test_a_request_that_was_sent_before_the_end_is_answered(settings: Settings, accepted: bool) -> None:
    """A proxy may not send it twice. It waits unread on its connection, or that is still to be accepted."""
    server, address = await started(create_app(settings), settings)
    with socket.create_connection(address) as connection:
        if accepted:
            await asyncio.sleep(0.1)
        # From here on to the end the event loop gets no turn in which to see it.
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")
        await server.shutdown()
        assert status(rest(connection)) == 200


def test_connections_that_come_at_once_are_let_in_at_once(settings: Settings) -> None:
    """Not one in each turn of the loop, of which each may be long."""

    async def turns_until_all_are_in(clients: int) -> int:
        server, address = await started(create_app(settings), settings)
        turns = 0
        with contextlib.ExitStack() as stack:
            for _ in range(clients):
                stack.enter_context(socket.create_connection(address))
            while len(server.server_state.connections) < clients and turns < clients:
                await asyncio.sleep(0)
                turns += 1
        await server.shutdown()
        return turns

    assert uvloop.run(turns_until_all_are_in(64)) < 16


@pytest.mark.anyio
async def test_the_pool_hears_of_every_request_under_way(settings: Settings) -> None:
    """By that it knows who is alone."""
    app = create_app(settings)
    server, address = await started(app, settings)
    pool = app.state.registry.pool
    head = b"POST /generate HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"
    seen = [len(pool.under_way)]
    with contextlib.ExitStack() as stack:
        two = [stack.enter_context(socket.create_connection(address)) for _ in range(2)]
        for connection in two:
            connection.sendall(head)
            await asyncio.sleep(0.1)
            seen.append(len(pool.under_way))
        for connection in two:
            connection.sendall(b"{}")
        while pool.under_way:
            await asyncio.sleep(0.01)
        assert [status(connection.recv(64)) for connection in two] == [200, 200]
    await server.shutdown()
    assert seen == [0, 1, 2]


def test_sighup_reloads_the_models(tmp_path: Path) -> None:
    write_bundle(tmp_path, "tiny")
    with start_server(tmp_path, DEFAULT_MODEL="tiny") as server:
        for version, wanted in ((2, [2, 1]), (3, [2, 1])):
            folder = write_bundle(tmp_path, "tiny", version)
            if version == 3:
                (folder / "generator.onnx").unlink()
            server.process.send_signal(signal.SIGHUP)
            until = time.monotonic() + 10
            listed: dict[str, Any] = {}
            while time.monotonic() < until and not (
                [model["version"] for model in listed.get("models", [])] == wanted
                and len(listed["unserved"]) == (version == 3)
            ):
                listed = httpx.get(f"{server.url}/models").json()
                time.sleep(0.05)
            assert [model["version"] for model in listed["models"]] == wanted
            assert [one["version"] for one in listed["unserved"]] == [3] * (version == 3)
        assert server.stop() == 0


def test_sighup_while_models_load_is_ignored(models_dir: Path) -> None:
    port = free_port()
    environment = {"DEFAULT_MODEL": "tiny_cond", "PROVIDER": "cpu", "DRAIN_DELAY_S": "0"}
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "serve", "--port", str(port), "--models-dir", str(models_dir)],
        cwd=ROOT,
        env=os.environ | environment,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    status_file = Path(f"/proc/{process.pid}/status")
    try:
        # Earlier than this Python itself is still starting.
        while not int(status_file.read_text().partition("SigIgn:")[2].split()[0], 16) & 1:
            assert process.poll() is None
            time.sleep(0.001)
        until = time.monotonic() + 60
        while True:
            process.send_signal(signal.SIGHUP)
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200:
                    break
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()


def test_a_handler_that_never_ends_does_not_hold_the_process(tmp_path: Path) -> None:
    """Neither its thread nor its event loop: the process ends after DRAIN_TIMEOUT_S and a second."""
    write_bundle(tmp_path, "tiny")
    code = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from service.app import create_app
from service.server import Server
from service.settings import Settings
settings = Settings(drain_timeout_s=1, drain_delay_s=0)
app = create_app(settings)
def stuck():
    time.sleep(60)
async def blocks():
    time.sleep(60)
ThreadPoolExecutor(1).submit(stuck)
app.add_api_route("/blocks", blocks)
Server(app, settings).run()
"""
    for blocked in (False, True):
        port = free_port()
        environment = {"PORT": str(port), "MODELS_DIR": str(tmp_path), "DEFAULT_MODEL": "tiny"}
        process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, env=os.environ | environment | {"PROVIDER": "cpu"}
        )
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until:
                with contextlib.suppress(httpx.TransportError):
                    if httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200:
                        break
                time.sleep(0.05)
            with socket.create_connection(("127.0.0.1", port)) as client:
                if blocked:
                    client.sendall(b"GET /blocks HTTP/1.1\r\nHost: a\r\n\r\n")
                    time.sleep(0.3)
                process.send_signal(signal.SIGTERM)
                # With a wide margin for a busy machine; without the limit it would take 60 s.
                assert process.wait(15) == 0
        finally:
            process.kill()
            process.wait()


def test_a_process_out_of_open_files_neither_spins_nor_stops(models_dir: Path) -> None:
    resource = pytest.importorskip("resource")
    with start_server(models_dir, MAX_CONNECTIONS="4096") as server:
        allowed = len(list(Path(f"/proc/{server.process.pid}/fd").iterdir())) + 20
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (allowed, allowed))
        with contextlib.ExitStack() as stack:
            for _ in range(60):
                stack.enter_context(connect(server))
            time.sleep(0.5)
            before = used_s(server.process.pid)
            time.sleep(1)
            assert used_s(server.process.pid) - before < 0.5
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{server.url}/health/ready").status_code == 200:
                    break
            time.sleep(0.05)
        else:
            raise AssertionError("it accepts no connections any more")


def used_s(pid: int) -> float:
    """Processor time of a process, in seconds."""
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def test_many_clients_at_once(server: Server) -> None:
    codes: list[int] = []

    def ask() -> None:
        with httpx.Client(base_url=server.url) as client:
            codes.extend(client.get("/models").status_code for _ in range(20))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [200] * 320
