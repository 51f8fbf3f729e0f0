"""OpenAI's images API: a prompt's number drawn, with the pixels of /generate, and OpenAI's errors."""

import base64
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from service.api.openai import ImagesResponse
from tests.service.api.pictures import Images, of_png
from tests.service.queues import holding

pytestmark = pytest.mark.anyio


async def ask(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await client.post("/v1/images/generations", json=body)


async def drawn(client: httpx.AsyncClient, **body: Any) -> list[bytes]:
    answer = await ask(client, **body)
    assert answer.status_code == 200, answer.text
    parsed = ImagesResponse.model_validate_json(answer.content)
    assert parsed.created > 1.7e9
    return [base64.b64decode(one.b64_json) for one in parsed.data]


async def grid(client: httpx.AsyncClient, labels: str, seed: int) -> bytes:
    """The same by GET /generate."""
    query: dict[str, str | int] = {"labels": labels, "columns": len(labels.split(",")), "seed": seed}
    return (await client.get("/generate", params=query)).content


def refused(answer: httpx.Response, status: int, param: str | None, word: str) -> None:
    """The answer is an error of that status in OpenAI's shape whose text says the word."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["param"] == param
    assert word in error["message"]


@pytest.mark.parametrize("prompt", ["7", "a handwritten 7", "7!", "draw me a 7, please"])
async def test_a_digit_is_that_of_generate_to_the_byte(client: httpx.AsyncClient, prompt: str) -> None:
    assert await drawn(client, prompt=prompt, seed=5) == [await grid(client, "7", 5)]


async def test_a_number_is_one_image_of_its_digits(client: httpx.AsyncClient) -> None:
    first, second = await drawn(client, prompt="a 42", n=2, seed=5)
    assert of_png(first).shape == (28, 56)
    assert first == await grid(client, "4,2", 5)
    assert second == await grid(client, "4,2", 7)


async def test_each_image_can_be_made_again_alone(client: httpx.AsyncClient) -> None:
    answer = (await ask(client, prompt="042", n=3)).json()
    assert [one["seed"] for one in answer["data"]] == [(answer["seed"] + 3 * i) % 2**32 for i in range(3)]
    again = await drawn(client, prompt="042", seed=answer["data"][2]["seed"])
    assert again == [base64.b64decode(answer["data"][2]["b64_json"])]


async def test_without_a_seed_images_differ(client: httpx.AsyncClient) -> None:
    assert await drawn(client, prompt="7") != await drawn(client, prompt="7")


@pytest.mark.parametrize(
    ("size", "shape"), [("auto", (28, 56)), ("300x100", (100, 300)), ("56x28", (28, 56))]
)
async def test_a_size_is_kept_to_the_pixel(
    client: httpx.AsyncClient, size: str, shape: tuple[int, int]
) -> None:
    (small,) = await drawn(client, prompt="42", seed=5)
    (sized,) = await drawn(client, prompt="42", seed=5, size=size)
    picture: Images = of_png(sized)
    assert picture.shape == shape
    scale = shape[0] // 28
    top, left = (shape[0] - 28 * scale) // 2, (shape[1] - 56 * scale) // 2
    inner = picture[top : top + 28 * scale : scale, left : left + 56 * scale : scale]
    np.testing.assert_array_equal(inner, of_png(small))


async def test_what_openais_clients_send_besides_is_taken(client: httpx.AsyncClient) -> None:
    extra = {
        "response_format": "b64_json",
        "quality": "auto",
        "output_format": "png",
        "user": "me",
        "n": None,
    }
    assert len(await drawn(client, prompt="7", model="tiny_cond", **extra)) == 1


@pytest.mark.parametrize(
    ("body", "status", "param", "word"),
    [
        ({"prompt": "a cat"}, 400, "prompt", "name a number in digits"),
        ({"prompt": ""}, 400, "prompt", "name a number in digits"),
        ({"prompt": "٣"}, 400, "prompt", "name a number in digits"),
        ({"prompt": "3 or 4"}, 400, "prompt", "2 numbers: name one"),
        ({"prompt": "1" * 300}, 400, "prompt", "it has 300 digits: 256 are the most"),
        ({"prompt": "42", "n": 129}, 400, "n", "258 digits"),
        ({"prompt": "42", "size": "50x50"}, 400, "size", "at least 56x28"),
        ({"prompt": "7", "size": "256"}, 400, "size", "pattern"),
        ({"prompt": "7", "size": "2048x2048", "n": 5}, 400, "size", "pixels"),
        ({"prompt": "7", "response_format": "url"}, 400, "response_format", "b64_json"),
        ({"prompt": "7", "model": "tiny"}, 400, "model", "choose one of tiny_cond"),
        ({"prompt": "7", "model": "dall-e-3"}, 404, None, "no such model"),
        ({"prompt": "7", "seed": -1}, 400, "seed", "seed"),
        ({"promt": "7"}, 400, "prompt", "prompt"),
        ({"prompt": "7", "stile": "vivid"}, 400, "stile", "no such field"),
    ],
)
async def test_a_refusal_is_in_openais_shape(
    client: httpx.AsyncClient, body: dict[str, Any], status: int, param: str | None, word: str
) -> None:
    refused(await ask(client, **body), status, param, word)


async def test_the_models_are_those_that_take_a_prompt(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/v1/models")).json()
    assert [one["id"] for one in listed["data"]] == ["tiny_cond"]
    assert (await client.get("/v1/models/tiny_cond")).json() == listed["data"][0]
    refused(await client.get("/v1/models/tiny"), 404, None, "there are tiny_cond")
    refused(await client.post("/v1/images/edits"), 404, None, "no such path")


async def test_a_full_queue_is_openais_server_error(client: httpx.AsyncClient, app: FastAPI) -> None:
    with holding(app.state.registry.get().generator):
        answer = await ask(client, prompt="7")
    refused(answer, 503, None, "are waiting")
    assert (answer.json()["error"]["type"], answer.headers["retry-after"]) == ("server_error", "1")
