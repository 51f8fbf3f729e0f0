"""OpenAI's `openai` client, unmodified, against /v1."""

import base64
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

openai = pytest.importorskip("openai", reason="make test-clients")


@pytest.fixture
def client(address: str) -> Iterator[Any]:
    with openai.OpenAI(base_url=f"http://{address}/v1", api_key="none needed", max_retries=0) as client:
        yield client


def test_a_prompts_digit_is_drawn(client: Any, address: str) -> None:
    answer = client.images.generate(prompt="a handwritten 7", model="cgan", extra_body={"seed": 42})
    with urllib.request.urlopen(f"http://{address}/generate?labels=7&seed=42") as native:
        assert base64.b64decode(answer.data[0].b64_json) == native.read()


def test_the_clients_own_options(client: Any) -> None:
    answer = client.images.generate(
        prompt="42", n=2, size="256x256", response_format="b64_json", quality="standard", user="me"
    )
    assert len(answer.data) == 2
    width_and_height = base64.b64decode(answer.data[0].b64_json)[16:24]
    assert width_and_height == bytes([0, 0, 1, 0, 0, 0, 1, 0])


def test_a_prompt_without_a_digit_is_a_bad_request(client: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="name a number in digits") as caught:
        client.images.generate(prompt="a cat")
    assert (caught.value.param, caught.value.type) == ("prompt", "invalid_request_error")


def test_models(client: Any) -> None:
    assert "cgan" in [model.id for model in client.models.list()]
    assert client.models.retrieve("cgan").id == "cgan"
    with pytest.raises(openai.NotFoundError, match="no such model"):
        client.models.retrieve("gpt")
    with pytest.raises(openai.NotFoundError, match="no such model"):
        client.images.generate(prompt="7", model="gpt")
