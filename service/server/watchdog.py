"""Ends a process that does not end by itself."""

import logging
import os
import threading
import time

FLUSH_S = 0.2
"""Seconds for the log's thread to write what waits."""

log = logging.getLogger(__name__)


def exit_within(seconds: float) -> None:
    """End the process with exit code 0 after `seconds` unless it has ended before.

    Python joins every thread before it exits, and asyncio those of its executor: one that is stuck in a
    computation would hold the exit forever, and so would a blocked event loop. Only `os._exit` skips that.
    """
    timer = threading.Timer(seconds, _exit, (seconds,))
    timer.daemon = True
    timer.start()


def _exit(seconds: float) -> None:
    log.warning("exit without waiting for threads that still run %.1f s after the signal", seconds)
    time.sleep(FLUSH_S)
    os._exit(0)
