"""Ends a process that does not end by itself."""

import logging
import os
import sys
import threading

FLUSH_S = 0.1

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
    # Writing may block, too, for instance on a pipe that nobody reads.
    writer = threading.Thread(target=_last_words, args=(seconds,), daemon=True)
    writer.start()
    writer.join(FLUSH_S)
    os._exit(0)


def _last_words(seconds: float) -> None:
    log.warning("exit without waiting for threads that still run %.1f s after the signal", seconds)
    sys.stdout.flush()
    sys.stderr.flush()
