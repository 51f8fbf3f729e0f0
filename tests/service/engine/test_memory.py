"""Memory that was freed in pieces goes back to the system."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROGRAM = """
from service.engine.memory import give_back

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6

pieces = [bytes(4000) for _ in range(50_000)]
kept = pieces[::50]
del pieces
before = resident()
give_back()
print(before - resident())
"""


LARGE = """
import random
from service.engine.memory import return_large_blocks

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6

return_large_blocks()
before = resident()
kept = []
for size in (8_000_000, 4_000_000, 1_000_000) * 4:
    blocks = [b"x" * size for _ in range(4)]
    kept.append(b"y" * 200_000)  # after the large blocks, so that a heap could not shrink
    del blocks
print(resident() - before)
"""
GLIBC = pytest.mark.skipif(
    not hasattr(os, "confstr") or "CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="glibc's"
)


@GLIBC
def test_large_blocks_are_returned_when_they_are_freed() -> None:
    done = subprocess.run([sys.executable, "-c", LARGE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 8


@GLIBC
def test_what_was_freed_between_what_is_kept_is_given_back() -> None:
    """200 MB in pieces of 4 kB, of which every fiftieth stays: glibc alone keeps it all."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert float(done.stdout) > 50
