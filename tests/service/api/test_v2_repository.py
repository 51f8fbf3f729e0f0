"""The repository under /v2: its index, and loading and unloading with the admin key."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.service.api.test_v2 import refused
from tests.service.bundles import write_bundle
from tests.service.conftest import ADMIN_KEY, administered

pytestmark = pytest.mark.anyio


@pytest.fixture
async def repository(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """An administrator of an application whose folder, tmp_path, holds tiny 1, the default, and other 1."""
    write_bundle(tmp_path, "tiny")
    write_bundle(tmp_path, "other")
    async with administered(tmp_path) as client:
        client.headers["Authorization"] = f"Bearer {ADMIN_KEY}"
        yield client


async def states(client: httpx.AsyncClient, **body: bool) -> dict[str, str]:
    entries = (await client.post("/v2/repository/index", json=body)).json()
    return {f"{entry['name']} {entry['version']}": entry["state"] for entry in entries}


async def test_the_index_lists_every_network_of_every_version(client: httpx.AsyncClient) -> None:
    whole = await client.post("/v2/repository/index", json={"ready": True})
    assert (await client.post("/v2/repository/index")).json() == whole.json()
    entries = {(entry["name"], entry["version"]): entry for entry in whole.json()}
    assert len(entries) == len(whole.json())
    assert {("tiny", "1"), ("tiny", "2"), ("tiny.encoder", "2"), ("tiny_bare", "1")} <= set(entries)
    assert ("tiny.encoder", "1") not in entries
    assert {entry["state"] for entry in entries.values()} == {"READY"}
    refused(await client.post("/v2/repository/index", content=b"[]"), 400, "body")
    refused(await client.post("/v2/repository/index", json={"redy": True}), 400, "did you mean ready?")


async def test_unloaded_is_not_served_until_it_is_loaded(repository: httpx.AsyncClient) -> None:
    unloaded = await repository.post(
        "/v2/repository/models/other/unload", json={"parameters": {"unload_dependents": False}}
    )
    assert (unloaded.status_code, unloaded.content) == (200, b"")
    refused(await repository.get("/v2/models/other"), 404, "no such model")
    assert (await states(repository))["other 1"] == "UNAVAILABLE"
    assert "other 1" not in await states(repository, ready=True)
    loaded = await repository.post("/v2/repository/models/other/load")
    assert (loaded.status_code, loaded.content) == (200, b"")
    assert set((await states(repository)).values()) == {"READY"}
    assert (await repository.get("/v2/models/other.discriminator/ready")).status_code == 200


async def test_loading_takes_new_versions_and_leaves_the_old_for_bad_ones(
    repository: httpx.AsyncClient, tmp_path: Path
) -> None:
    write_bundle(tmp_path, "other", 2)
    (write_bundle(tmp_path, "other", 3) / "generator.onnx").write_bytes(b"x")
    refused(await repository.post("/v2/repository/models/other/load"), 409, "generator.onnx")
    found = await states(repository)
    assert (found["other 2"], found["other 3"]) == ("READY", "UNAVAILABLE")


async def test_what_cannot_be_done_is_said(repository: httpx.AsyncClient) -> None:
    refused(await repository.post("/v2/repository/models/none/load"), 404, "no such model")
    refused(await repository.post("/v2/repository/models/none/unload"), 404, "no such model")
    refused(await repository.post("/v2/repository/models/tiny/unload"), 409, "default")
    given = {"parameters": {"config": "{}"}}
    refused(await repository.post("/v2/repository/models/other/load", json=given), 400, "config")


@pytest.mark.parametrize("action", ["load", "unload"])
async def test_only_administrators_may(
    repository: httpx.AsyncClient, client: httpx.AsyncClient, action: str
) -> None:
    wrong = {"Authorization": "Bearer another"}
    answer = await repository.post(f"/v2/repository/models/other/{action}", headers=wrong)
    refused(answer, 403, "ADMIN_KEYS")
    refused(await client.post(f"/v2/repository/models/tiny/{action}"), 403, "without ADMIN_KEYS")
    assert (await states(repository))["other 1"] == "READY"
