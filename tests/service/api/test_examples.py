"""The examples of the API's document work when pressed."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from service.settings import Settings

ADMIN = "an administrator's key"

# The document names the models that ship; these tests serve tiny ones that are of the same kind.
STAND_IN = {"cgan": "tiny_cond", "dcgan": "tiny", "gan": "tiny", "vae": "tiny", "sgan": "tiny"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Some examples are for administrators."""
    return settings.model_copy(update={"admin_keys": [SecretStr(ADMIN)]})


def examples(operation: dict[str, Any]) -> list[dict[str, Any]]:
    if "requestBody" not in operation:
        return [{}]
    content = operation["requestBody"]["content"]["application/json"]
    named = [example["value"] for example in content.get("examples", {}).values()]
    return [*named, content["example"]] if "example" in content else named


async def test_every_example_of_a_body_is_answered(app: FastAPI, client: httpx.AsyncClient) -> None:
    tried = set()
    for path, methods in app.openapi()["paths"].items():
        if "post" not in methods:
            continue
        for body in examples(methods["post"]):
            # What is unloaded must be a model that no other example asks.
            name = "tiny_bare" if path.startswith("/v2/repository/") else STAND_IN["cgan"]
            url = path.replace("{name}", name).replace("{version}", "1")
            given = body | {"model": STAND_IN[body["model"]]} if "model" in body else body
            if path == "/decode":
                # As wide as the models that ship: that is for the tests of those.
                width = 4
                given = given | {"latents": [latent[:width] for latent in body["latents"]]}
            if path.endswith("/infer") and body["inputs"][0]["name"] == "z":
                z = body["inputs"][0] | {"shape": [1, 4], "data": [0.0] * 4}
                given = given | {"inputs": [z, *body["inputs"][1:]]}
            answer = await client.post(url, json=given, headers={"X-API-Key": ADMIN})
            assert answer.status_code == 200, (path, body, answer.text)
            tried.add(path)
    assert tried == {path for path, methods in app.openapi()["paths"].items() if "post" in methods}


async def test_the_example_of_the_query_is_answered(app: FastAPI, client: httpx.AsyncClient) -> None:
    parameters = app.openapi()["paths"]["/generate"]["get"]["parameters"]
    query = {each["name"]: each["example"] for each in parameters if "example" in each}
    assert query
    answer = await client.get("/generate", params=query)
    assert answer.headers["content-type"] == "image/png"
