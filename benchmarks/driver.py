"""Puts a bounded load on servers on loopback, and says what came of it: wrk where that is installed, else
clients in Python (`benchmarks.clients`), which need more of the processor that the server runs on."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.workload import Workload

SLACK_S = 30


@dataclass(frozen=True)
class Load:
    """What clients saw."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int
    """Answers other than 2xx, and none at all."""

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


class Failed(Exception):
    """A server that did not answer well: its figures would mean nothing."""


def drive(ports: Sequence[int], workload: Workload, clients: int, seconds: float) -> Load:
    """So many clients at once, each with a connection of its own, spread evenly over the ports, each asking
    again as soon as it is answered. `Failed` if an answer was an error."""
    with_wrk = shutil.which("wrk") is not None and seconds >= 1
    load = (_by_wrk if with_wrk else _by_python)(ports, workload, clients, seconds)
    if load.failed or not load.requests:
        raise Failed(f"{workload.name}: {load.failed} failed, {load.requests} answered")
    return load


def _by_wrk(ports: Sequence[int], workload: Workload, clients: int, seconds: float) -> Load:
    threads = min(2, clients)
    with TemporaryDirectory() as folder:
        body, script = Path(folder, "body"), Path(folder, "load.lua")
        body.write_bytes(workload.body)
        script.write_text(
            _LUA.format(body=body, type=workload.content_type, ports=", ".join(map(str, ports)))
        )
        url = f"http://127.0.0.1:{ports[0]}{workload.path}"
        command = ["wrk", f"-t{threads}", f"-c{clients}", f"-d{round(seconds)}s", "-s", str(script), url]
        return _told(command, seconds)


def _by_python(ports: Sequence[int], workload: Workload, clients: int, seconds: float) -> Load:
    asked = asdict(workload) | {"body": workload.body.hex()}
    given = json.dumps({"ports": list(ports), "workload": asked, "clients": clients, "seconds": seconds})
    return _told([sys.executable, "-m", "benchmarks.clients", given], seconds)


def _told(command: Sequence[str], seconds: float) -> Load:
    """The last line that the command prints."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + SLACK_S, cwd=Path(__file__).parents[1]
    )
    if done.returncode:
        raise Failed(f"{command[0]} failed: {done.stderr or done.stdout}")
    return Load(**json.loads(done.stdout.splitlines()[-1]))


# Each thread of wrk speaks to one port.
_LUA = """
local file = io.open("{body}", "rb")
wrk.method, wrk.body = "POST", file:read("*a")
wrk.headers["Content-Type"] = "{type}"
file:close()
local ports, started = {{{ports}}}, 0
function setup(thread)
  thread.addr = wrk.lookup("127.0.0.1", ports[started % #ports + 1])[1]
  started = started + 1
end
function done(summary, latency, requests)
  local e = summary.errors
  print(string.format('{{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "failed": %d}}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""
