"""The examples of the API's document work when pressed."""

from typing import Any

import httpx
from fastapi import FastAPI

# The document names the models that ship; these tests serve tiny ones that are of the same kind.
STAND_IN = {"cgan": "tiny_cond", "dcgan": "tiny", "gan": "tiny", "vae": "tiny", "sgan": "tiny"}


def examples(operation: dict[str, Any]) -> list[dict[str, Any]]:
    content = operation["requestBody"]["content"]["application/json"]
    named = [example["value"] for example in content.get("examples", {}).values()]
    return [*named, content["example"]] if "example" in content else named


async def test_every_example_of_a_body_is_answered(app: FastAPI, client: httpx.AsyncClient) -> None:
    tried = set()
    for path, methods in app.openapi()["paths"].items():
        if "post" not in methods:
            continue
        for body in examples(methods["post"]):
            url = path.replace("{name}", STAND_IN["cgan"]).replace("{version}", "1")
            given = body | {"model": STAND_IN[body["model"]]} if "model" in body else body
            if path == "/decode":
                # As wide as the models that ship: that is for the tests of those.
                width = 4
                given = given | {"latents": [latent[:width] for latent in body["latents"]]}
            if path.endswith("/infer") and body["inputs"][0]["name"] == "z":
                z = body["inputs"][0] | {"shape": [1, 4], "data": [0.0] * 4}
                given = given | {"inputs": [z, *body["inputs"][1:]]}
            answer = await client.post(url, json=given)
            assert answer.status_code == 200, (path, body, answer.text)
            tried.add(path)
    assert tried == {path for path, methods in app.openapi()["paths"].items() if "post" in methods}


async def test_the_example_of_the_query_is_answered(app: FastAPI, client: httpx.AsyncClient) -> None:
    parameters = app.openapi()["paths"]["/generate"]["get"]["parameters"]
    query = {each["name"]: each["example"] for each in parameters if "example" in each}
    assert query
    answer = await client.get("/generate", params=query)
    assert answer.headers["content-type"] == "image/png"
