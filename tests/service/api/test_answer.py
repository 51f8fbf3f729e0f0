"""Long encodings run in a thread, so that other requests are served meanwhile; short ones run on the loop."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.anyio


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[Callable[..., Any]]:
    """What was handed to a thread."""
    handed: list[Callable[..., Any]] = []
    to_thread = asyncio.to_thread

    async def remember(work: Callable[..., Any], *arguments: Any) -> Any:
        handed.append(work)
        return await to_thread(work, *arguments)

    monkeypatch.setattr(asyncio, "to_thread", remember)
    return handed


@pytest.mark.parametrize("kind", ["json", "png"])
@pytest.mark.parametrize(
    ("n", "scale", "in_thread"),
    [
        (256, 1, False),
        (64, 2, False),
        (65, 2, True),
        (28, 3, False),
        (29, 3, True),
        (16, 4, False),
        (17, 4, True),
    ],
)
async def test_more_than_256_images_worth_of_pixels_are_encoded_in_a_thread(
    client: httpx.AsyncClient, threads: list[Any], kind: str, n: int, scale: int, in_thread: bool
) -> None:
    body: dict[str, Any] = {"scale": scale, "format": kind, "labels": 7}
    assert (await client.post("/generate", json=body | {"n": n})).status_code == 200
    assert bool(threads) is in_thread
    threads.clear()
    if n <= 128:
        walk = body | {"from": 1, "to": 2, "steps": n}
        assert (await client.post("/interpolate", json=walk)).status_code == 200
        assert bool(threads) is in_thread
