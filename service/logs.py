"""The logs of the process as JSON lines: the access log on standard output, messages on standard error."""

import atexit
import json
import logging
import os
import sys
import threading
import time
from typing import TextIO

from service.log_writer import LogWriter, finish

MESSAGE_CHARACTERS = 4_000
"""Longest message that is logged; longer ones are cut at the end."""
EXCEPTION_CHARACTERS = 16_000
"""Longest traceback that is logged; longer ones are cut at the start."""


class ProcessLogs:
    """The writers of standard output and standard error, which are flushed when the process ends."""

    def __init__(self, buffer_bytes: int) -> None:
        # Not sys.stdout, which hosts such as Ray replace by objects that have no descriptor.
        out, err = _descriptor(sys.__stdout__), _descriptor(sys.__stderr__)
        lock = threading.Lock()
        self.stdout = LogWriter(out, buffer_bytes, lock)
        self.stderr = LogWriter(err, buffer_bytes, lock if _same_file(out, err) else None)
        atexit.register(finish, (self.stdout, self.stderr))

    def lost(self) -> dict[str, int]:
        """Return the number of lost lines of each stream."""
        return {"stdout": self.stdout.lost, "stderr": self.stderr.lost}


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON, however long the message and the traceback are."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record)[:MESSAGE_CHARACTERS],
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)[-EXCEPTION_CHARACTERS:]
        return json.dumps(line)


class WriterHandler(logging.Handler):
    """Sends records to a LogWriter."""

    def __init__(self, writer: LogWriter) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        self._writer.write(self.format(record) + "\n")


def configure(level: str, writer: LogWriter) -> None:
    """Send all messages of the process to `writer`: ours, uvicorn's, Python's warnings and stray exceptions.

    uvicorn's messages below a warning are left out, because the server logs its own start.
    """
    _occupy_standard_descriptors()
    logging.raiseExceptions = False
    logging.captureWarnings(True)
    logging.basicConfig(level=level.upper(), handlers=[WriterHandler(writer)], force=True)
    logging.getLogger("uvicorn").setLevel(max(logging.WARNING, logging.root.level))
    sys.unraisablehook = _unraisable
    threading.excepthook = _thread_ended


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # Arguments that do not fit the message, or whose own text cannot be made.
        return str(record.msg)


def _unraisable(stray: "sys.UnraisableHookArgs") -> None:
    if stray.exc_value is not None:
        logging.getLogger(__name__).error("an exception was ignored", exc_info=stray.exc_value)


def _thread_ended(stray: threading.ExceptHookArgs) -> None:
    if stray.exc_value is not None and not isinstance(stray.exc_value, SystemExit):
        logging.getLogger(__name__).error("a thread ended with an exception", exc_info=stray.exc_value)


def _descriptor(stream: TextIO | None) -> int | None:
    """Return the stream's file descriptor; None for a stream that was closed at the start or has none."""
    try:
        return None if stream is None else stream.fileno()
    except (OSError, ValueError):
        return None


def _same_file(one: int | None, other: int | None) -> bool:
    if one is None or other is None:
        return False
    try:
        return os.path.samestat(os.fstat(one), os.fstat(other))
    except OSError:
        return False


def _occupy_standard_descriptors() -> None:
    """Open /dev/null as each of descriptors 0 to 2 that is closed.

    A connection would get its number, and receive what libraries write to standard output or error.
    """
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(fd)
