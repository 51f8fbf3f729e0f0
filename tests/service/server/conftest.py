"""Fixtures: the event loop of production, and a server in this process with little patience."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.settings import Settings
from tests.service.server.serving import Serving, served


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
async def serving(settings: Settings) -> AsyncIterator[Serving]:
    async with served(settings, body_timeout_s=0.3, header_timeout_s=0.3, keep_alive_s=1) as running:
        yield running
