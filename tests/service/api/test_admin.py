"""Reloading the models by a call."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.service.bundles import rewrite_manifest, write_bundle
from tests.service.conftest import ADMIN_KEY, administered

ADMIN = {"Authorization": f"Bearer {ADMIN_KEY}"}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application with a folder of its own, tmp_path, that holds tiny 1."""
    write_bundle(tmp_path, "tiny")
    async with administered(tmp_path) as client:
        yield client


async def test_reload_serves_the_new_version(client: httpx.AsyncClient, tmp_path: Path) -> None:
    write_bundle(tmp_path, "tiny", 2)
    answer = await client.post("/admin/reload", headers=ADMIN)
    assert answer.status_code == 200
    assert [model["version"] for model in answer.json()["models"]] == [2, 1]
    assert (await client.get("/generate?format=json")).json()["version"] == 2
    assert "model_info{digest" in (await client.get("/metrics")).text


async def test_a_bad_one_is_409_and_told_in_models_and_metrics(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    (write_bundle(tmp_path, "tiny", 2) / "generator.onnx").write_bytes(b"x")
    answer = await client.post("/admin/reload", headers=ADMIN)
    assert (answer.status_code, answer.json()["code"]) == (409, "bundle-refused")
    assert answer.json()["detail"].startswith("tiny/2/generator.onnx: has 1 bytes")
    listed = (await client.get("/models")).json()
    assert [model["version"] for model in listed["models"]] == [1]
    (unserved,) = listed["unserved"]
    assert (unserved["name"], unserved["version"], unserved["state"]) == ("tiny", 2, "refused")
    assert str(tmp_path) not in json.dumps(listed) + answer.text
    metrics = (await client.get("/metrics")).text
    assert 'mnist_gan_model_refused{model="tiny",version="2"} 1.0' in metrics
    assert 'mnist_gan_reloads_total{outcome="refused"} 1.0' in metrics


async def test_metrics_follow_what_is_served(client: httpx.AsyncClient, tmp_path: Path) -> None:
    rewrite_manifest(tmp_path / "tiny" / "1", title="New")
    before = (await client.get("/models/tiny")).json()["digest"]
    await client.post("/admin/reload", headers=ADMIN)
    metrics = (await client.get("/metrics")).text
    assert before not in metrics
    assert (await client.get("/models/tiny")).json()["digest"] in metrics
    assert 'mnist_gan_reloads_total{outcome="done"} 1.0' in metrics
