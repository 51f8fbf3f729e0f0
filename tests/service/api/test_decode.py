from typing import Any

import httpx
import numpy as np
import pytest

from service.schemas import DecodeResponse
from tests.service.api.pictures import of_json, of_npy, of_zip, refused
from tests.service.bundles import LATENT

pytestmark = pytest.mark.anyio

ZERO = [0.0] * LATENT


async def ask(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await client.post("/decode", json=body)


async def test_the_latents_that_generate_returns_decode_to_its_images(client: httpx.AsyncClient) -> None:
    made = await client.post("/generate", json={"n": 3, "seed": 5, "return_latents": True})
    images = made.json()["images"]
    latents, labels = [image["latent"] for image in images], [image["label"] for image in images]
    again = await ask(client, latents=latents, labels=labels, return_scores=True)
    assert np.array_equal(of_json(again), of_json(made))
    parsed = DecodeResponse.model_validate_json(again.content)
    assert [image.label for image in parsed.images] == labels
    assert all(image.score is not None for image in parsed.images)


async def test_files_hold_the_same_images(client: httpx.AsyncClient) -> None:
    body = {"model": "tiny", "latents": [ZERO, [1.0, -1.0, 0.5, 2.0]]}
    expected = of_json(await ask(client, **body))
    assert not np.array_equal(expected[0], expected[1])
    assert np.array_equal(of_npy((await ask(client, **body, format="npy")).content), expected)
    named = of_zip((await ask(client, **body, format="zip")).content)
    assert list(named) == ["000.png", "001.png"]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"latents": [[0.0] * (LATENT + 1)], "labels": 1}, "has 4 numbers, this one 5"),
        ({"latents": [ZERO, [0.0]], "labels": 1}, "has 4 numbers, this one 1"),
        ({"latents": [[101.0, 0.0, 0.0, 0.0]], "labels": 1}, "beyond 100"),
        ({"latents": [], "labels": 1}, "body.latents"),
        ({"latents": [ZERO] * 257, "labels": 1}, "body.latents"),
        ({"latents": [["a", 0, 0, 0]], "labels": 1}, "body.latents"),
        ({"latents": [ZERO]}, "is conditional"),
        ({"latents": [ZERO], "labels": [1, 2]}, "2 labels for 1"),
        ({"model": "tiny", "latents": [ZERO], "labels": 1}, "takes no labels"),
        ({"latents": [ZERO], "labels": 1, "seed": 3}, "body.seed"),
    ],
)
async def test_a_wrong_field_is_named_with_the_fix(
    client: httpx.AsyncClient, body: dict[str, Any], word: str
) -> None:
    refused(await ask(client, **body), 422, word)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400"])
async def test_what_is_no_finite_number_is_refused(client: httpx.AsyncClient, number: str) -> None:
    answer = await client.post("/decode", content=f'{{"labels": 1, "latents": [[0, 0, 0, {number}]]}}')
    refused(answer, 422, "latents")


def test_a_real_server_decodes_and_refuses(http: httpx.Client) -> None:
    assert of_json(http.post("/decode", json={"latents": [ZERO], "labels": 3})).shape == (1, 28, 28)
    refused(http.post("/decode", json={"latents": [[0.0]], "labels": 3}), 422, "this one 1")
