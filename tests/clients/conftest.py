"""The shipped models on a real server, for clients that are not ours. Run by `make test-clients`.

The clients have an environment of their own; the server runs in the service's, which SERVER_PYTHON names.
"""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest

ROOT = Path(__file__).parents[2]
START_S = 120
ADMIN_KEY = os.environ.get("ADMIN_KEY", "the-key-of-administrators")
"""Of the server; ADMIN_KEY names that of SERVER_ADDRESS."""


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """host:port of the server; SERVER_ADDRESS names one that runs already."""
    if running := os.environ.get("SERVER_ADDRESS"):
        yield running
        return
    python = os.environ.get("SERVER_PYTHON", ".venv/bin/python")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [python, "-m", "service", "serve", "--port", str(port), "--access-log", "false"]
    environment = os.environ | {"ADMIN_KEYS": ADMIN_KEY}
    process = subprocess.Popen([*command, "--drain-delay-s", "0"], cwd=ROOT, env=environment)
    try:
        _wait(f"http://127.0.0.1:{port}/health/ready", process)
        yield f"127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except URLError:
            time.sleep(0.1)
    raise RuntimeError(f"the server did not start: {process.args!r}")
