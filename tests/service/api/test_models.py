"""GET /models and what lies under it, in process and on a real server."""

import httpx
import pytest

from tests.service.conftest import PNG


async def test_every_model_is_listed_with_its_state(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/models")).json()
    assert answer["default"] == "tiny_cond"
    assert [(model["name"], model["version"], model["default"]) for model in answer["models"]] == [
        ("tiny", 2, False),
        ("tiny", 1, False),
        ("tiny_bare", 1, False),
        ("tiny_cond", 1, True),
        ("tiny_critic", 1, False),
    ]
    for model in answer["models"]:
        assert (model["state"], model["provider"], model["latent_dim"]) == ("ready", "cpu", 4)
        assert len(model["digest"]) == 64


async def test_one_model_comes_with_its_manifest(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/models/tiny")).json()
    assert (answer["version"], answer["versions"], answer["exact"]) == (2, [2, 1], True)
    assert answer["manifest"]["metrics"]["fid"] == {"value": 9.0, "floor": 1.0, "spread": None}
    assert answer["manifest"]["directions"][0]["name"] == "ink"
    assert "golden" not in answer["manifest"]
    assert (await client.get("/models/tiny", params={"version": 1})).json()["version"] == 1


async def test_the_picture_is_served_and_cached(client: httpx.AsyncClient) -> None:
    answer = await client.get("/models/tiny/preview.png")
    assert answer.content == PNG
    assert answer.headers["content-type"] == "image/png"
    again = await client.get("/models/tiny/preview.png", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_preview_is_kept_for_five_minutes_and_has_its_own_tag(client: httpx.AsyncClient) -> None:
    answer = await client.get("/models/tiny/preview.png")
    assert answer.headers["cache-control"] == "public, max-age=300"
    digest = (await client.get("/models/tiny")).json()["digest"]
    assert answer.headers["etag"] == f'"{digest[:32]}"'
    changed = await client.get("/models/tiny/preview.png", headers={"If-None-Match": '"another"'})
    assert (changed.status_code, changed.content) == (200, PNG)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/models/nope", 404, "unknown-model"),
        ("/models/%2e%2e", 404, "unknown-model"),
        ("/models/tiny%00", 404, "unknown-model"),
        ("/models/tiny?version=9", 404, "unknown-version"),
        ("/models/tiny?version=", 422, "invalid"),
        ("/models/tiny?version=x", 422, "invalid"),
        ("/models/tiny?version=-1", 422, "invalid"),
        ("/models/tiny?version=1e1", 422, "invalid"),
        ("/models/tiny?version=%C2%B2", 422, "invalid"),
        ("/models/tiny?version=" + "9" * 5000, 422, "invalid"),
        ("/models/tiny/preview.png?version=1", 404, "no-preview"),
        ("/models/tiny/generator.onnx", 404, "not-found"),
    ],
)
async def test_what_is_not_there(client: httpx.AsyncClient, path: str, status: int, code: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


def test_on_a_real_server(http: httpx.Client) -> None:
    assert http.get("/models").json()["default"] == "tiny_cond"
    assert http.get("/models/tiny").json()["version"] == 2
    assert http.get("/models/tiny/preview.png").content == PNG
    assert http.get("/models/../models/nope").status_code == 404
