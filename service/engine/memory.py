"""Returns memory that is no longer used to the system. Does nothing where there is no glibc."""

import ctypes
import sys
from typing import Any

LARGE_BYTES = 1024 * 1024
"""Blocks from this size on are returned as soon as they are freed. onnxruntime allocates some of a quarter of
that for every run, and the system takes longer to hand them out than a run of one image takes."""

_M_MMAP_THRESHOLD = -3


def return_large_blocks() -> None:
    """Have every large block returned once it is freed, for the rest of the process.

    glibc raises its own threshold to the largest block that was ever freed, up to 32 MB: after a few uploads
    of 4 MB it would keep tens of megabytes.
    """
    _call("mallopt", _M_MMAP_THRESHOLD, LARGE_BYTES)


def give_back() -> None:
    """Return what was freed in small pieces. After ten reloads of all models glibc kept 350 MB of it."""
    _call("malloc_trim", 0)


def _call(function: str, *arguments: int) -> None:
    if sys.platform == "linux":
        found: Any = getattr(ctypes.CDLL(None), function, None)
        if found is not None:
            found(*arguments)
