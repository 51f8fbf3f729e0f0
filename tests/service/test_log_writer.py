"""Lines are written by a thread; whatever is wrong with the file costs lines, never time."""

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service import log_writer
from service.log_writer import LINE_OVERHEAD_BYTES, LogWriter, finish

BUFFER_BYTES = 64 * 1024


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe's reading and writing end."""
    reading, writing = os.pipe()
    yield reading, writing
    for fd in (reading, writing):
        with contextlib.suppress(OSError):
            os.close(fd)


def full(fd: int) -> None:
    """Fill the pipe to the last byte."""
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    try:
        while True:
            os.write(fd, b"." * 4096)
    except BlockingIOError:
        pass
    fcntl.fcntl(fd, fcntl.F_SETFL, flags)


def opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def test_every_line_arrives_in_order(tmp_path: Path) -> None:
    writer = LogWriter(opened(tmp_path / "log"), 8 * BUFFER_BYTES)
    lines = [f"line {number}\n" for number in range(5000)]
    for line in lines:
        writer.write(line)
    finish([writer], 30)
    assert (tmp_path / "log").read_text() == "".join(lines)
    assert writer.lost == 0


def test_lines_of_many_threads_stay_whole(pipe: tuple[int, int]) -> None:
    """Also those of two writers of the same pipe, which takes 64 kB at a time."""
    reading, writing = pipe
    received: list[bytes] = []

    def read() -> None:
        while chunk := os.read(reading, 1000):
            received.append(chunk)

    lock = threading.Lock()
    writers = [LogWriter(writing, 64 * BUFFER_BYTES, lock) for _ in range(2)]
    threads = [
        threading.Thread(target=lambda w=writer, n=name: [w.write(n * 3000 + "\n") for _ in range(100)])
        for writer, name in zip(writers * 2, "abcd", strict=True)
    ]
    reader = threading.Thread(target=read)
    for thread in (reader, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    finish(writers, 30)
    os.close(writing)
    reader.join()
    lines = b"".join(received).decode().splitlines()
    assert sorted(lines) == sorted(name * 3000 for name in "abcd" for _ in range(100))


def test_writing_wakes_the_thread_only_once_in_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "PAUSE_S", 30)
    writes: list[int] = []
    real = os.write

    def write(fd: int, data: memoryview) -> int:
        writes.append(len(data))
        return real(fd, data)

    monkeypatch.setattr(os, "write", write)
    writer = LogWriter(opened(tmp_path / "log"), BUFFER_BYTES)
    writer.write("first\n")
    while not writes:
        time.sleep(0.001)
    for _ in range(100):
        writer.write("later\n")
    finish([writer], 30)
    assert writes == [6, 600]


def test_a_pipe_that_nobody_reads_costs_lines_and_no_time(pipe: tuple[int, int]) -> None:
    full(pipe[1])
    writer = LogWriter(pipe[1], BUFFER_BYTES)
    line = "x" * (1024 - LINE_OVERHEAD_BYTES - 1) + "\n"
    for _ in range(1000):
        writer.write(line)
    assert writer.lost == 1000 - 64
    start = time.monotonic()
    finish([writer], 0.1)
    assert time.monotonic() - start < 5


def test_once_the_pipe_is_read_lines_are_written_again(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    full(writing)
    writer = LogWriter(writing, BUFFER_BYTES)
    for _ in range(1000):
        writer.write("x" * 1000 + "\n")
    lost = writer.lost
    assert lost > 900
    received = b""
    while received.count(b"\n") < 1000 - lost:
        received += os.read(reading, 65536)
    writer.write("again\n")
    while not received.endswith(b"again\n"):
        received += os.read(reading, 65536)
    finish([writer], 30)
    assert writer.lost == lost


def test_a_non_blocking_pipe_is_waited_for(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    writer = LogWriter(writing, 64 * BUFFER_BYTES)
    for _ in range(300):
        writer.write("x" * 999 + "\n")
    received = b""
    while len(received) < 300_000:
        received += os.read(reading, 10_000)
    finish([writer], 30)
    assert received == (b"x" * 999 + b"\n") * 300
    assert writer.lost == 0


def test_a_reader_that_left_costs_every_line(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    writer = LogWriter(pipe[1], BUFFER_BYTES)
    for _ in range(10):
        writer.write("x\n")
    finish([writer], 30)
    assert writer.lost == 10


def test_a_full_device_costs_every_line() -> None:
    fd = os.open("/dev/full", os.O_WRONLY)
    writer = LogWriter(fd, BUFFER_BYTES)
    for _ in range(10):
        writer.write("x\n")
    finish([writer], 30)
    os.close(fd)
    assert writer.lost == 10


def test_a_descriptor_that_is_closed_or_missing_costs_every_line() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    for fd in (writing, None):
        writer = LogWriter(fd, BUFFER_BYTES)
        writer.write("x\n")
        finish([writer], 30)
        assert writer.lost == 1


def test_a_number_that_is_closed_later_is_not_written_to(tmp_path: Path) -> None:
    """It may be a client's connection by then."""
    fd = opened(tmp_path / "log")
    writer = LogWriter(fd, BUFFER_BYTES)
    writer.write("first\n")
    other = opened(tmp_path / "other")
    os.dup2(other, fd)
    writer.write("second\n")
    finish([writer], 30)
    assert (tmp_path / "log").read_text() == "first\nsecond\n"
    assert (tmp_path / "other").read_text() == ""


def test_a_disk_that_has_room_again_gets_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk of 25 bytes takes two lines and a half. The half is ended before the next line."""
    room = [25]
    real = os.write

    def write(fd: int, data: memoryview) -> int:
        taken = min(room[0], len(data))
        if not taken:
            raise OSError(28, "No space left on device")
        room[0] -= taken
        return real(fd, bytes(data[:taken]))

    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(log_writer, "PAUSE_S", 0)
    path = tmp_path / "log"
    writer = LogWriter(opened(path), BUFFER_BYTES)

    def settled(lost: int, text: str) -> None:
        until = time.monotonic() + 30
        while (writer.lost, path.read_text()) != (lost, text) and time.monotonic() < until:
            time.sleep(0.001)
        assert (writer.lost, path.read_text()) == (lost, text)

    written = 0
    for line in ("a" * 9, "b" * 9, "c" * 9):
        writer.write(line + "\n")
        written = min(written + 10, 25)
        settled(0 if written < 25 else 1, ("a" * 9 + "\n" + "b" * 9 + "\n" + "c" * 9)[:written])
    half = "a" * 9 + "\n" + "b" * 9 + "\n" + "c" * 5
    writer.write("lost\n")
    settled(2, half)
    room[0] = 100
    writer.write("whole\n")
    settled(2, half + "\nwhole\n")
    finish([writer], 30)


def test_no_thread_to_be_had_costs_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    writer = LogWriter(opened(tmp_path / "log"), BUFFER_BYTES)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fails)
        writer.write("lost\n")
    writer.write("written\n")
    finish([writer], 30)
    assert (writer.lost, (tmp_path / "log").read_text()) == (1, "written\n")


def test_descriptors_are_given_back(tmp_path: Path) -> None:
    fd = opened(tmp_path / "log")
    for _ in range(200):
        writer = LogWriter(fd, BUFFER_BYTES)
        writer.write("x\n")
        finish([writer], 30)
    assert len(os.listdir("/proc/self/fd")) < 150


def test_after_the_end_lines_are_lost(tmp_path: Path) -> None:
    writer = LogWriter(opened(tmp_path / "log"), BUFFER_BYTES)
    finish([writer], 30)
    writer.write("x\n")
    assert writer.lost == 1
