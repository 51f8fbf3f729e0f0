"""GET /models/{name}/history and history.webp."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from service.app import create_app
from service.engine.bundle import load_bundle
from service.engine.refusal import BundleError
from service.settings import Settings
from tests.service.bundles import rewrite_manifest, write_bundle

CURVES = b'{"steps":[50,100],"curves":{"generator/loss":[0.5,null]},"frames":[100]}'
FRAMES = b"RIFF....WEBP"


def with_history(folder: Path) -> Path:
    """Gives a bundle a history."""
    files = {"history.json": CURVES, "history.webp": FRAMES}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    entries = [
        {"file": name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in files.items()
    ]
    rewrite_manifest(folder, history=dict(zip(("curves", "frames"), entries, strict=True)))
    return folder


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    with_history(write_bundle(tmp_path, "tiny"))
    write_bundle(tmp_path, "bare")
    app = create_app(Settings(models_dir=tmp_path, default_model="tiny", provider="cpu", access_log=False))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service") as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("path", "content", "kind"),
    [
        ("/models/tiny/history", CURVES, "application/json"),
        ("/models/tiny/history.webp?version=1", FRAMES, "image/webp"),
    ],
)
async def test_files_are_served_as_they_are_and_cached(
    client: httpx.AsyncClient, path: str, content: bytes, kind: str
) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["content-type"] == kind
    again = await client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["/models/bare/history", "/models/bare/history.webp"])
async def test_a_model_without_history_says_so(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "no-history")


async def test_the_list_tells_which_models_have_one(client: httpx.AsyncClient) -> None:
    listed = {model["name"]: model for model in (await client.get("/models")).json()["models"]}
    assert {name: model["history"] for name, model in listed.items()} == {"tiny": True, "bare": False}
    assert listed["bare"]["directions"] == ["ink"]


async def test_no_such_model(client: httpx.AsyncClient) -> None:
    assert (await client.get("/models/nope/history")).status_code == 404


def test_a_corrupted_history_is_refused(tmp_path: Path) -> None:
    folder = with_history(write_bundle(tmp_path, "tiny"))
    (folder / "history.webp").write_bytes(FRAMES[::-1])
    with pytest.raises(BundleError, match=r"history\.webp: is corrupted"):
        load_bundle(folder, "cpu")
