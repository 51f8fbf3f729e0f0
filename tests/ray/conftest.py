"""A Ray cluster of three nodes, all on this machine, with the service on it. Run by `make test-ray`.

Ray, the service and the client are in one environment here, as they are on every machine of a cluster.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest

from benchmarks.ports import free_port

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
START_S = 240
"""Seconds on a quiet machine: 5 for the head, 10 for each worker, 15 for the service."""


@dataclass(frozen=True)
class Cluster:
    url: str
    """Of the service."""
    environment: Mapping[str, str]
    """With it, what is started finds the cluster and may speak to it."""

    def run(self, *command: str) -> str:
        """What Python says on standard output, with these arguments."""
        return _run([sys.executable, *command], self.environment)


@pytest.fixture(scope="session")
def native() -> Iterator[str]:
    """Where the service without Ray answers, with the shipped models."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    serve = ["-m", "service", "serve", "--port", str(port), "--provider", "cpu", "--access-log", "false"]
    command = [sys.executable, *serve, "--drain-delay-s", "0"]
    with ExitStack() as stack:
        _start(stack, command, os.environ, lambda: _is_ready(url))
        yield url


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A head without processors for others' work, two workers with one each, and from one to two replicas."""
    pytest.importorskip("ray", reason="make test-ray")
    port, http = free_port(), free_port()
    address = f"127.0.0.1:{port}"
    # Ray listens on every interface, and does what it is told by whoever knows the token.
    known = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    quiet = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
        "PYTHONUNBUFFERED": "1",
    }
    started = os.environ | known | quiet
    there = started | {"RAY_ADDRESS": address, "PROVIDER": "cpu", "ACCESS_LOG": "false"}
    # The paths of its sockets may not be longer than 107 bytes, and pytest's own folders are deep.
    folder = tempfile.mkdtemp(prefix="ray-")
    node = [str(BIN / "ray"), "start", "--block", "--object-store-memory", "100000000"]
    head = ["--head", "--port", str(port), "--num-cpus", "0", "--include-dashboard", "false"]
    head += ["--temp-dir", folder, "--ray-client-server-port", str(free_port())]
    worker = ["--address", address, "--num-cpus", "1"]
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for n, kind in enumerate((head, worker, worker)):
            said = Path(folder) / f"node{n}.txt"
            _start(stack, [*node, *kind], started, partial(_says, said, "Ray runtime started"), said=said)
        _run([str(BIN / "serve"), "start", "--http-host", "127.0.0.1", "--http-port", str(http)], there)
        serve = [str(BIN / "serve"), "run", "--working-dir", ".", "service.ray_app:app"]
        url = f"http://127.0.0.1:{http}"
        _start(
            stack, [*serve, "max_replicas=2", "target=0.5"], there, lambda: _is_ready(url), end=signal.SIGINT
        )
        yield Cluster(url, there)


@contextmanager
def process(
    command: list[str], environment: Mapping[str, str], end: signal.Signals, said: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs with standard output in this file until the block ends, and is then told to by this signal."""
    with said.open("wb") as out:
        started = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out)
    try:
        yield started
    finally:
        started.send_signal(end)
        try:
            started.wait(60)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def _start(
    stack: ExitStack,
    command: list[str],
    environment: Mapping[str, str],
    is_up: Callable[[], bool],
    *,
    end: signal.Signals = signal.SIGTERM,
    said: Path = Path(os.devnull),
) -> None:
    """Starts it, until it is up; anew where it ended by itself, as Ray does on a machine that is too busy."""
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        started = stack.enter_context(process(command, environment, end, said))
        while started.poll() is None and time.monotonic() < until:
            if is_up():
                return
            time.sleep(0.2)
    raise RuntimeError(f"this was not up in {START_S} s: {' '.join(command)}")


def _run(command: list[str], environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, timeout=START_S, check=True
    )
    return done.stdout


def _says(said: Path, text: str) -> bool:
    return text in said.read_text()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
