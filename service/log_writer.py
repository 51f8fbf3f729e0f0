"""Writes log lines from a thread, so that a request never waits for a log and never fails because of one.

A pipe that nobody reads, a full disk or a closed descriptor costs lines, which are counted, and nothing else.
"""

import os
import select
import threading
import time
from collections.abc import Iterable
from queue import Empty, SimpleQueue

PAUSE_S = 0.05
"""Least time between two writes: a busy service writes many lines at once and seldom wakes the thread."""
FLUSH_S = 1.0
"""Most seconds for which the end of the process waits for lines to be written."""
LINE_OVERHEAD_BYTES = 64
"""Memory that a waiting line takes in addition to its characters."""


class LogWriter:
    """A bounded buffer of lines, and a thread that writes them to a file descriptor.

    `lost` counts the lines that were not written; `fd` is None where there is nothing to write to. Writers of
    the same file share `file_lock`, so that no line is written in the middle of another.
    """

    def __init__(self, fd: int | None, buffer_bytes: int, file_lock: "threading.Lock | None" = None) -> None:
        self.lost = 0
        self._fd = fd
        self._buffer_bytes = buffer_bytes
        self._file_lock = file_lock or threading.Lock()
        # SimpleQueue and RLock are re-entrant: a signal handler may log while its thread is in `write`.
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._lock = threading.RLock()
        self._waiting_bytes = 0
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()
        self._torn = False
        """True if the file ends in the middle of a line."""

    def write(self, line: str) -> None:
        """Queue an ASCII line that ends with a line feed. Never waits for the file and never raises."""
        with self._lock:
            size = len(line) + LINE_OVERHEAD_BYTES
            if self._waiting_bytes + size > self._buffer_bytes or not self._running():
                self.lost += 1
                return
            self._waiting_bytes += size
            self._lines.put(line)

    def end(self) -> None:
        """Have the thread write what waits, and end; later lines are lost."""
        with self._lock:
            self._ending.set()
            self._lines.put(None)

    def join(self, seconds: float) -> None:
        """Wait for the thread to end. A thread that is stuck in a write ends with the process."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _running(self) -> bool:
        """Start the thread with the first line."""
        if self._ending.is_set() or self._fd is None:
            return False
        if self._thread is None:
            try:
                # A descriptor of its own: the number may be closed and given to a connection.
                fd = os.dup(self._fd)
            except OSError:
                return False
            thread = threading.Thread(target=self._run, args=(fd,), name="log", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # There are too many threads; there may be fewer at the next line.
                os.close(fd)
                return False
            self._thread = thread
        return True

    def _run(self, fd: int) -> None:
        while (line := self._lines.get()) is not None:
            lines = [line]
            ended = self._take_rest(lines)
            with self._file_lock:
                lost = self._write_all(fd, lines)
            with self._lock:
                self.lost += lost
                self._waiting_bytes -= sum(map(len, lines)) + len(lines) * LINE_OVERHEAD_BYTES
            if ended:
                break
            self._ending.wait(PAUSE_S)
        os.close(fd)

    def _take_rest(self, lines: list[str]) -> bool:
        """Append every line that waits, and return whether the end was among them."""
        try:
            while (line := self._lines.get_nowait()) is not None:
                lines.append(line)
        except Empty:
            return False
        return True

    def _write_all(self, fd: int, lines: list[str]) -> int:
        """Return how many of the lines were not written, or only in part."""
        # What was left of a torn line is lost; the next line must not continue it.
        data = memoryview((("\n" if self._torn else "") + "".join(lines)).encode("ascii", "replace"))
        written = 0
        while written < len(data):
            try:
                written += os.write(fd, data[written:])
            except BlockingIOError:  # Another process made the pipe that it shares with us non-blocking.
                _wait_for_room(fd)
            except OSError:
                break
        if written:
            self._torn = data[written - 1] != ord("\n")
        return bytes(data[written:]).count(b"\n") - (written == 0 and data[0] == ord("\n"))


def finish(writers: Iterable[LogWriter], seconds: float = FLUSH_S) -> None:
    """End the writers, and wait for all of them together for at most these seconds."""
    writers = list(writers)
    for writer in writers:
        writer.end()
    until = time.monotonic() + seconds
    for writer in writers:
        writer.join(max(0.0, until - time.monotonic()))


def _wait_for_room(fd: int) -> None:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    poll.poll(PAUSE_S * 1000)
