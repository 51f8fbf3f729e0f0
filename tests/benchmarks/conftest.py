"""Servers to measure."""

from collections.abc import Iterator

import pytest

from benchmarks.server import Running, Server, echo, ours, running
from benchmarks.workload import W1
from tests.service.bundles import write_bundle


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def bare() -> Iterator[Running]:
    """A bare ASGI echo."""
    with running(echo(), W1) as up:
        yield up


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """How to start this service with a tiny model that has a generator alone."""
    folder = tmp_path_factory.mktemp("models")
    write_bundle(folder, "tiny", 1, roles=("generator",))
    return ours("tiny", folder, "tiny")


@pytest.fixture(scope="session")
def service(tiny: Server) -> Iterator[Running]:
    with running(tiny, W1) as up:
        yield up
