"""The service as a process of its own, with a look at its memory, its metrics and its log."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.ports import free_port

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "models"
START_S = 90
ENVIRONMENT = {
    "PROVIDER": "cpu",
    "ACCESS_LOG": "false",
    "DRAIN_DELAY_S": "0",
    "LOG_LEVEL": "warning",
    "METRICS_CACHE_S": "0",
}
SHIPPED = {"ACCESS_LOG": "true", "LOG_LEVEL": "info", "DRAIN_DELAY_S": "2", "METRICS_CACHE_S": "1"}
"""The defaults of the settings that ENVIRONMENT changes, for drills of the service as it is shipped."""
CLOSED = -1
ADMIN_KEY = "drills-need-an-admin-key"


class Service:
    """A running `python -m service serve` on loopback."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._log = log

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def rss(self) -> float:
        """Resident memory in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1000

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def get(self, path: str, *, post: bool = False) -> tuple[int, str]:
        """Status and text of an answer; with the admin key."""
        request = urllib.request.Request(
            f"{self.url}{path}", method="POST" if post else "GET", headers={"X-API-Key": ADMIN_KEY}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")

    def metric(self, name: str, labels: str = "") -> float:
        """The sum of a metric's samples that have these labels, in the order that Prometheus sorts them."""
        text = self.get("/metrics")[1]
        found = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE)
        return sum(float(value) for held, value in found if labels in held)

    def send(self, sig: signal.Signals) -> None:
        self.process.send_signal(sig)

    def wait(self, seconds: float) -> int | None:
        """The exit code; None if it still runs after these seconds."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None


@contextmanager
def serving(models_dir: Path = MODELS, port: int | None = None, **environment: str) -> Iterator[Service]:
    """A service, ready, ended with the block whatever happens. Settings are given as its environment."""
    with tempfile.TemporaryDirectory() as folder:
        service = start(models_dir, Path(folder) / "log", port, **environment)
        try:
            wait_until_ready(service)
            yield service
        finally:
            if service.alive:
                service.process.kill()
            service.process.wait()


@contextmanager
def logging_service(models_dir: Path = MODELS) -> Iterator[tuple[Service, Path]]:
    """A service with its default logs, which both go to the file that is given with it."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        service = launch(models_dir, log, SHIPPED)
        try:
            wait_until_ready(service)
            yield service, log
        finally:
            service.process.kill()
            service.process.wait()


def start(models_dir: Path, log: Path, port: int | None = None, **environment: str) -> Service:
    """The process, perhaps not ready yet; the caller ends it."""
    return launch(models_dir, log, environment, port=port)


def launch(
    models_dir: Path,
    log: Path,
    environment: dict[str, str],
    *,
    port: int | None = None,
    access_log: int | None = None,
) -> Service:
    """Like `start`. Both logs go to the file `log`, unless `access_log` is a file descriptor for standard
    output, or CLOSED for none."""
    port = port or free_port()
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "serve", "--port", str(port), "--models-dir", str(models_dir)],
            cwd=ROOT,
            env=os.environ | ENVIRONMENT | {"ADMIN_KEYS": ADMIN_KEY} | environment,
            stdout=out if access_log in (None, CLOSED) else access_log,
            stderr=out,
            preexec_fn=(lambda: os.close(1)) if access_log == CLOSED else None,
        )
    return Service(process, port, log)


def wait_until_ready(service: Service) -> None:
    until = time.monotonic() + START_S
    while not is_ready(service.port):
        if not service.alive or time.monotonic() > until:
            raise RuntimeError(f"the service did not start:\n{service.log()}")
        time.sleep(0.05)


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


async def run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """The command's end and what it wrote."""

    def done() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")

    return await asyncio.to_thread(done)
