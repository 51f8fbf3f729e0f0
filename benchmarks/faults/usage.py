"""Processor time and memory of a running process and its descendants, read from the kernel (Linux only)."""

import contextlib
import os
import re
import time
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_HELD = ("01", "08")
"""The kernel's codes of connections that a process still holds: established, and closed by the peer only."""


def descendants(pid: int) -> list[int]:
    """The process ids of all children, their children and so on; without `pid` itself."""
    found = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *descendants(child)]
    return found


def cpu_s(pid: int) -> float:
    """Seconds of processor time that all threads of this process have used; 0 if it is gone."""
    # The clock id that clock_getcpuclockid(3) returns: nanoseconds, where /proc has hundredths of a second.
    with contextlib.suppress(OSError):
        return time.clock_gettime((~pid << 3) | 2)
    return 0.0


def main_thread_s(pid: int) -> tuple[float, float]:
    """Seconds in which the main thread of this process ran, and in which it waited for a processor."""
    with contextlib.suppress(OSError):
        ran, waited, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
        return int(ran) / 1e9, int(waited) / 1e9
    return 0.0, 0.0


def children_cpu_s(pid: int) -> float:
    """Seconds of processor time of all descendants, including those that have ended."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ended = (int(fields[13]) + int(fields[14])) * _TICK_S
        return ended + sum(cpu_s(child) for child in descendants(pid))
    return 0.0


def rss_mb(pid: int) -> float:
    """Resident memory in MB of the process and its descendants; shared pages count once for each."""
    total = 0
    for one in (pid, *descendants(pid)):
        with contextlib.suppress(OSError):
            found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{one}/status").read_text())
            total += int(found[1]) if found else 0
    return total / 1000


def connections_from(source: str, port: int) -> int:
    """Count the TCP connections from the address `source` that a server on loopback's `port` holds open."""
    wanted = (_address("127.0.0.1", port), _address(source, 0).partition(":")[0])
    count = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state = line.split()[:4]
        count += (local, remote.partition(":")[0]) == wanted and state in _HELD
    return count


def _address(host: str, port: int) -> str:
    """An address in the form of /proc/net/tcp: little-endian hexadecimal."""
    number = int.from_bytes(bytes(map(int, host.split("."))), "little")
    return f"{number:08X}:{port:04X}"
