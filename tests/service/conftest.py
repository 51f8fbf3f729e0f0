"""Fixtures: a folder of tiny models, the application in this process, and a real server process."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from service.app import create_app
from service.settings import Settings
from tests.service.bundles import BUILD, write_bundle

ROOT = Path(__file__).parents[2]
START_S = 90
"""A second is enough, except on a machine that is busy with something else."""
# The smallest PNG: one grey pixel.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c636000000002000148afa4710000000049454e44ae426082"
)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tiny 1 and 2 (unconditional, logit), tiny_cond 1 (conditional, logit; the default), tiny_critic 1
    (a critic, uniform prior, no label), tiny_bare 1 (generator alone)."""
    folder = tmp_path_factory.mktemp("models")
    write_bundle(folder, "tiny", 1)
    write_bundle(folder, "tiny", 2, preview=PNG, roles=tuple(BUILD))
    write_bundle(folder, "tiny_cond", 1, conditional=True)
    write_bundle(folder, "tiny_critic", 1, kind="critic", prior="uniform")
    write_bundle(folder, "tiny_bare", 1, roles=("generator",))
    (folder / "README.md").write_text("A leaderboard may lie beside the bundles.")
    (folder / ".unfinished").mkdir()
    return folder


@pytest.fixture
def settings(models_dir: Path) -> Settings:
    return Settings(
        models_dir=models_dir,
        default_model="tiny_cond",
        provider="cpu",
        access_log=False,
        metrics_cache_s=0,
    )


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    """The application, started."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks to the application in this process; an unexpected exception is its 500, not the test's."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


ADMIN_KEY = "the-key-of-administrators"


@asynccontextmanager
async def administered(models_dir: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application with this folder, whose default is tiny. It does not bring ADMIN_KEY."""
    settings = Settings(
        models_dir=models_dir,
        default_model="tiny",
        provider="cpu",
        access_log=False,
        metrics_cache_s=0,
        admin_keys=[SecretStr(ADMIN_KEY)],
    )
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client,
    ):
        yield client


@dataclass
class Server:
    """A running `python -m service serve`."""

    url: str
    port: int
    process: subprocess.Popen[str]

    def stop(self, sig: signal.Signals = signal.SIGTERM) -> int:
        """Sends the signal and gives the exit code."""
        self.process.send_signal(sig)
        return self.process.wait(20)


@contextmanager
def start_server(models_dir: Path, port: int | None = None, **environment: str) -> Iterator[Server]:
    """A server on this loopback port, or on a free one, ready; ended with the block whatever happens."""
    port = port or free_port()
    given = {
        "DEFAULT_MODEL": "tiny_cond",
        "PROVIDER": "cpu",
        "DRAIN_DELAY_S": "0",
        "ACCESS_LOG": "false",
        "METRICS_CACHE_S": "0",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "serve", "--port", str(port), "--models-dir", str(models_dir)],
        cwd=ROOT,
        env=os.environ | given | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        until = time.monotonic() + START_S
        while not _is_ready(url):
            if process.poll() is not None or time.monotonic() > until:
                process.kill()
                raise RuntimeError(f"the server did not start:\n{process.communicate()[0]}")
            time.sleep(0.02)
        yield Server(url, port, process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=1).status_code == 200
    except httpx.TransportError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def server(models_dir: Path) -> Iterator[Server]:
    """One real server for all tests that only ask it things."""
    with start_server(models_dir) as running:
        yield running


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    """Speaks to the real server."""
    with httpx.Client(base_url=server.url) as client:
        yield client
