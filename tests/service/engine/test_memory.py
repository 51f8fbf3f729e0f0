"""Memory that was freed in pieces goes back to the system."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.engine import memory

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


GLIBC = pytest.mark.skipif(
    not hasattr(os, "confstr") or "CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="glibc's"
)


@pytest.mark.anyio
async def test_memory_is_given_back_once_for_all_that_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[None] = []
    monkeypatch.setattr(memory, "PAUSE_S", 0.05)
    monkeypatch.setattr(memory, "give_back", lambda: given.append(None))
    soon = memory.GiveBackSoon()
    for _ in range(3):
        soon()
    assert not given
    while not given:
        await asyncio.sleep(0.01)
    soon()
    while len(given) < 2:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert len(given) == 2


@GLIBC
def test_what_was_freed_between_what_is_kept_is_given_back() -> None:
    """200 MB in pieces of 4 kB, of which every fiftieth stays: glibc alone keeps it all."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert float(done.stdout) > 50
