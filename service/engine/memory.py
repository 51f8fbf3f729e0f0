"""Returns memory that is no longer used to the system. Does nothing where there is no glibc."""

import asyncio
import ctypes
import sys

PAUSE_S = 1.0
"""Least time between two returns of memory that requests ask for."""


def give_back() -> None:
    """Return what was freed. glibc keeps it otherwise, if a block in use lies behind it."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


class GiveBackSoon:
    """Returns memory some time after it was asked to, in a thread, at most once in PAUSE_S.

    After a few uploads of 4 MB glibc would keep tens of megabytes. A lower threshold for its own return would
    cost every run of a network, whose large blocks would come from the system each time.
    """

    def __init__(self) -> None:
        self._asked = False

    def __call__(self) -> None:
        """Ask for it; from the event loop only."""
        if not self._asked:
            self._asked = True
            asyncio.get_running_loop().call_later(PAUSE_S, self._begin)

    def _begin(self) -> None:
        self._asked = False
        asyncio.get_running_loop().run_in_executor(None, give_back)
