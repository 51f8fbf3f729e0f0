"""The logs of a real process, whatever its standard output and standard error are; and what they hold."""

import http.client
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from service import logs
from service.log_writer import LogWriter
from service.logs import EXCEPTION_CHARACTERS, MESSAGE_CHARACTERS, JsonLines, configure
from tests.service.conftest import ROOT, START_S, free_port

REQUESTS = 2500
# Of the few settings with which the tests start a process.
ENVIRONMENT = {
    "DEFAULT_MODEL": "tiny_cond",
    "PROVIDER": "cpu",
    "DRAIN_DELAY_S": "0",
    "METRICS_CACHE_S": "0",
    "LOG_BUFFER_BYTES": "65536",
}
LOST = 'mnist_gan_log_lines_lost_total{stream="%s"} '


class Process:
    """A running service, asked on one connection."""

    def __init__(self, process: subprocess.Popen[bytes], connection: http.client.HTTPConnection) -> None:
        self.process = process
        self.connection = connection

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body, from the same connection as every other request."""
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def lost(self, stream: str) -> float:
        text = self.get("/metrics")[1].decode()
        (line,) = [line for line in text.splitlines() if line.startswith(LOST % stream)]
        return float(line.rpartition(" ")[2])


@contextmanager
def serving(models_dir: Path, redirections: str = "", output: int | None = None) -> Iterator[Process]:
    """A service whose streams are the descriptor `output`, or what the shell's redirections say (`2>&-`).

    Ready, and killed with the block."""
    port = free_port()
    process = subprocess.Popen(
        ["sh", "-c", f'exec "$@" {redirections}', "sh", sys.executable, "-m", "service", "serve"],
        cwd=ROOT,
        env=os.environ | ENVIRONMENT | {"PORT": str(port), "MODELS_DIR": str(models_dir)},
        stdout=output,
        stderr=output,
    )
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        until = time.monotonic() + START_S
        while True:
            try:
                connection.connect()
                break
            except OSError:
                assert process.poll() is None, "the service did not start"
                assert time.monotonic() < until
                time.sleep(0.02)
        yield Process(process, connection)
    finally:
        connection.close()
        process.kill()
        process.wait()


def full_pipe() -> tuple[int, int]:
    """A pipe that nobody reads and that takes no further byte."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"." * 4096)
    except BlockingIOError:
        os.set_blocking(writing, True)
    return reading, writing


def ends(process: subprocess.Popen[bytes]) -> int:
    """The exit code after SIGTERM. Lines that cannot be written hold it for a second."""
    process.send_signal(signal.SIGTERM)
    return process.wait(10)


def test_pipes_that_nobody_reads_hold_nothing_up(models_dir: Path) -> None:
    """The process stopped after 384 requests, and SIGTERM had no effect."""
    reading, writing = full_pipe()
    try:
        with serving(models_dir, output=writing) as service:
            assert {service.get("/health/live")[0] for _ in range(REQUESTS)} == {200}
            service.process.send_signal(signal.SIGHUP)  # Which is logged.
            assert service.get("/models")[0] == 200
            assert 0 < service.lost("stdout") < REQUESTS
            assert ends(service.process) == 0
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize("redirections", [">&- 2>&-", ">/dev/full 2>/dev/full"])
def test_streams_that_take_nothing_lose_lines_alone(models_dir: Path, redirections: str) -> None:
    """Each request cost its connection and a traceback."""
    with serving(models_dir, redirections) as service:
        assert {service.get("/health/live")[0] for _ in range(100)} == {200}
        until = time.monotonic() + 30
        while service.lost("stdout") < 100 and time.monotonic() < until:
            time.sleep(0.1)
        assert service.lost("stdout") >= 100
        assert service.lost("stderr") >= 1
        descriptors = [os.readlink(f"/proc/{service.process.pid}/fd/{fd}") for fd in (1, 2)]
        assert descriptors == [redirections.split()[0].strip(">").replace("&-", "/dev/null")] * 2
        assert ends(service.process) == 0


def test_a_closed_stdout_leaves_no_traceback(models_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "stderr"
    with serving(models_dir, f">&- 2>{path}") as service:
        assert {service.get("/health/live")[0] for _ in range(100)} == {200}
        assert ends(service.process) == 0
    assert {json.loads(line)["level"] for line in path.read_text().splitlines()} <= {"info"}


def test_the_last_lines_are_written_before_the_process_ends(models_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "stdout"
    with serving(models_dir, f">{path}") as service:
        for number in range(200):
            assert service.get(f"/nowhere/{number}")[0] == 404
        assert ends(service.process) == 0
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["path"] for line in lines] == [f"/nowhere/{number}" for number in range(200)]


class Lines(LogWriter):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__(None, 0)
        self.entries: list[dict[str, Any]] = []

    def write(self, line: str) -> None:
        assert line.endswith("\n")
        assert line.count("\n") == 1
        self.entries.append(json.loads(line))


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """The logging of this process as the service configures it, until the end of the test."""
    root, uvicorn = logging.getLogger(), logging.getLogger("uvicorn")
    before = root.handlers[:], root.level, uvicorn.level, logging.raiseExceptions
    filters = logging.getLogger("uvicorn.error").filters[:]
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    lines = Lines()
    configure("info", lines)
    yield lines
    logging.captureWarnings(False)
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    uvicorn.setLevel(before[2])
    logging.raiseExceptions = before[3]
    logging.getLogger("uvicorn.error").filters[:] = filters


def test_warnings_are_lines(configured: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("a strange\nfile", stacklevel=1)
        logging.captureWarnings(False)
    (entry,) = configured.entries
    assert (entry["level"], entry["logger"]) == ("warning", "py.warnings")
    assert "UserWarning: a strange\nfile" in entry["message"]


def test_a_thread_that_dies_is_a_line(configured: Lines) -> None:
    thread = threading.Thread(target=lambda: 1 // 0)
    thread.start()
    thread.join()
    (entry,) = configured.entries
    assert "ZeroDivisionError" in entry["exception"]


def test_an_exception_that_nobody_catches_is_a_line(configured: Lines) -> None:
    class Bad:
        def __del__(self) -> None:
            raise ValueError("in __del__")

    Bad()
    (entry,) = configured.entries
    assert "ValueError: in __del__" in entry["exception"]


def test_a_message_that_does_not_fit_its_arguments_is_logged_bare(configured: Lines) -> None:
    logging.getLogger("x").error("%d of %d", "one")
    assert [entry["message"] for entry in configured.entries] == ["%d of %d"]


def test_uvicorn_s_words_come_from_a_warning_on(configured: Lines) -> None:
    logging.getLogger("uvicorn.error").info("Started")
    logging.getLogger("uvicorn.error").warning("Odd")
    assert [entry["message"] for entry in configured.entries] == ["Odd"]


def test_no_line_is_longer_than_its_bounds() -> None:
    def deep(depth: int) -> None:
        if depth:
            deep(depth - 1)
        raise ValueError("x" * 100_000)

    try:
        deep(3)
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "y" * 100_000, None, sys.exc_info())
    entry = json.loads(JsonLines().format(record))
    assert entry["message"] == "y" * MESSAGE_CHARACTERS
    assert len(entry["exception"]) == EXCEPTION_CHARACTERS
    assert entry["exception"].endswith("x")


def test_streams_of_one_file_share_a_lock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (
        (tmp_path / "log").open("w") as out,
        (tmp_path / "log").open("a") as err,
        open(os.devnull, "w") as no,
    ):
        assert logs._same_file(out.fileno(), err.fileno())
        assert not logs._same_file(out.fileno(), no.fileno())
    assert not logs._same_file(None, None)
